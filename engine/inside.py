"""Whether a path lies in a folder."""

from __future__ import annotations

import os

__all__ = ["is_inside"]


def is_inside(path: str, folder: str) -> bool:
    """Whether ``path`` is the folder or below it, as texts: links are to be resolved before."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
