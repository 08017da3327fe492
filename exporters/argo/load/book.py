"""What is found while a manifest is read: problems, each with its place, and notes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from dflow.engine.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Book"]

_MOST_PLACES = 4


class Book:
    """Collects problems and notes; the same note at several places is one line."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._problems: dict[str, None] = {}
        self._notes: dict[str, dict[str, None]] = {}

    @contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Whatever is said inside is said of ``place``."""
        self._places.append(place)
        try:
            yield
        finally:
            self._places.pop()

    def problem(self, text: str) -> None:
        """Something that cannot be run here."""
        place = ", ".join(self._places)
        self._problems[f"{place}: {text}" if place else text] = None

    def note(self, text: str) -> None:
        """Something that is not used here."""
        place = self._places[0] if self._places else ""
        self._notes.setdefault(text, {})[place] = None

    @property
    def notes(self) -> tuple[str, ...]:
        """One line for each note, with its places."""
        return tuple(f"{text}{_where(list(places))}" for text, places in self._notes.items())

    def check(self) -> None:
        """Raise what was found.

        Raises:
            CompileError: there are problems.
        """
        if self._problems:
            raise CompileError(list(self._problems))


def _where(places: list[str]) -> str:
    known = [place for place in places if place]
    if not known:
        return ""
    shown = ", ".join(known[:_MOST_PLACES])
    more = len(known) - _MOST_PLACES
    return f" ({shown} and {more} more)" if more > 0 else f" ({shown})"
