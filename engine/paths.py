"""Moving the absolute paths that a template declares into the directory of the step.

A template written for a container says ``/tmp/foo.txt``. Without a container two steps would meet there, so every
*declared* path is replaced in the program's text by its place in the step. What is not declared is left alone.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dflow.engine.model import Inputs, Outputs

__all__ = ["declared_paths", "placed", "remap"]

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]*\Z")


def remap(text: str, places: Mapping[str, str]) -> str:
    """Replace each declared path by its place: longest first, and only whole paths.

    ``/tmp/out`` is replaced in ``cat /tmp/out/x`` but not in ``/tmp/output``, ``/data/tmp/out`` or ``$HOME/tmp/out``.
    """
    absolute = sorted((p for p in places if p.startswith("/")), key=len, reverse=True)
    if not any(path.rstrip("/") in text for path in absolute):
        return text
    alternatives = "|".join(re.escape(path.rstrip("/") or "/") for path in absolute)
    pattern = re.compile(rf"(?<![\w.~/}})\-])(?:{alternatives})(?![\w\-]|\.\w)")
    by_path = {path.rstrip("/") or "/": place for path, place in places.items()}
    return pattern.sub(lambda match: by_path[match.group()], text)


def declared_paths(*sides: Inputs | Outputs) -> list[str]:
    """The paths that the inputs and outputs of a template declare."""
    return [item.path for side in sides for items in (side.parameters, side.artifacts) for item in items if item.path]


def placed(place: Path, workdir: Path) -> str:
    """How a program that starts in ``workdir`` writes ``place``.

    The absolute path where it can stand unquoted in a shell script, else the path relative to ``workdir``.
    """
    text = str(place)
    return text if _SAFE.match(text) else os.path.relpath(place, workdir)
