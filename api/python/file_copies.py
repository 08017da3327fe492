"""Copies of the files that OPs were pickled from, in the directory of a run's OPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["copy_of", "is_as_its_copy", "read_as_it_was"]


def copy_of(ops: Path, digest: str) -> Path:
    """Where the copy of a file of this SHA-256 is, among the OPs of a run."""
    return ops / f"{digest[:16]}.py"


def is_as_its_copy(file: str, copy: Path) -> bool:
    """Whether a file holds what its copy does: one that cannot be read has not changed, as far as anybody can see."""
    now, then = _read(file), _read(copy)
    return now is None or now == then


def read_as_it_was(place: str | Path, digest: str) -> bytes | None:
    """What is in a file; None where it has another SHA-256, or cannot be read."""
    import hashlib  # a millisecond of the start of a step, which seldom needs it

    data = _read(place)
    return None if data is None or hashlib.sha256(data).hexdigest() != digest else data


def _read(place: str | Path) -> bytes | None:
    try:
        with open(place, "rb") as stream:
            return stream.read()
    except OSError:
        return None
