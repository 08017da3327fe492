"""Collecting problems with the place where each is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Problems"]


class Problems:
    """Problems found so far, each with its place: ``step 'train' in steps 'iter': parameter 'lr': …``."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._places: list[str] = []

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Within this block, problems are at this place."""
        self._places.append(place)
        try:
            yield
        finally:
            self._places.pop()

    def add(self, text: str) -> None:
        """Remember a problem; the same one at the same place counts once."""
        line = ": ".join([*self._places, text])
        if line not in self.found:
            self.found.append(line)
