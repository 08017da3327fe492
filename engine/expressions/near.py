"""Names that look like one that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["near"]

_MANY = 2000


def near(name: str, known: Iterable[str]) -> str:
    """The end of a message, with up to three of the ``known`` names that look like ``name``; empty without any."""
    import difflib  # noqa: PLC0415 - for messages only

    words = list(known)
    if len(words) > _MANY:
        words = [word for word in words if word.rpartition(".")[0] == name.rpartition(".")[0]][:_MANY]
    found = difflib.get_close_matches(name, words, n=3)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""
