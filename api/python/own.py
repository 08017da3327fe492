"""Which modules are the user's own, and so have to be brought along to where an OP runs."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

__all__ = ["own_module"]


def own_module(module: str | None) -> str | None:
    """The file or directory of a module of the user's own; None for one that is installed, or comes with Python."""
    top = (module or "").partition(".")[0]
    spec = find_spec(top) if top and top not in getattr(sys, "stdlib_module_names", ()) and top != "dflow" else None
    if spec is None or spec.origin is None:
        return None
    places = [*(spec.submodule_search_locations or ()), spec.origin]
    is_installed = any(part in ("site-packages", "dist-packages") for part in Path(spec.origin).parts)
    return None if is_installed else str(places[0])
