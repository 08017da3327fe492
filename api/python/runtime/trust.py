"""Whether code that lies in a run directory could have been put there by another user."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from dflow.engine.errors import PayloadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["refuse_if_others_can_write", "writable_by_others"]


def refuse_if_others_can_write(file: Path) -> None:
    """Pass only a file of ``.dflow/ops/`` that nobody else could have written: it is run. Costs four ``stat``.

    The file, its folders and the run directory itself are looked at; what lies above is not.

    Raises:
        PayloadError: others can; the message has the command that ends that.
    """
    for place in (str(file), *map(str, list(file.parents)[:3])):
        if writable_by_others(place):
            raise PayloadError(
                f"{place} can be written by others, so the code in it is not trusted; "
                f"if it is yours: chmod go-w '{place}'"
            )


def writable_by_others(place: str) -> bool:
    """Whether a user other than this one and root owns it, or its mode lets others write."""
    found = os.stat(place)
    return found.st_uid not in (os.geteuid(), 0) or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
