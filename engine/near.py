"""Names that look like one that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["alike", "near", "near_aside", "near_or_all"]

_MANY = 2000
_FEW = 12
_ALIKE = 0.85


def alike(name: object, known: Iterable[object], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """The one of the ``known`` names that looks most like ``name``, or several that all but equal it.

    Case does not count: ``Lr`` looks like ``lr``.
    """
    import difflib  # noqa: PLC0415 - for messages only

    text, words = str(name), [str(word) for word in known]
    if len(words) > _MANY:
        words = [word for word in words if word.rpartition(".")[0] == text.rpartition(".")[0]][:_MANY]
    lower = {word.lower(): word for word in reversed(words)}
    best = difflib.get_close_matches(text.lower(), lower, n=1, cutoff=cutoff)
    others = difflib.get_close_matches(text.lower(), lower, n=most, cutoff=_ALIKE)
    return [lower[word] for word in dict.fromkeys([*best, *others][:most])]


def near(name: object, known: Iterable[object]) -> str:
    """The end of a message, with the known names that look like ``name``; empty without any."""
    question = _question(name, known)
    return f"; {question}?" if question else ""


def near_aside(name: object, known: Iterable[object]) -> str:
    """Likewise in brackets, for the middle of a message."""
    question = _question(name, known)
    return f" ({question}?)" if question else ""


def _question(name: object, known: Iterable[object]) -> str:
    found = alike(name, known)
    return f"did you mean {' or '.join(map(repr, found))}" if found else ""


def near_or_all(name: object, known: Iterable[object]) -> str:
    """Likewise; where nothing looks like it, all that is known, when that is not much."""
    words = [str(word) for word in known]
    hint = near(name, words)
    if hint:
        return hint
    shown = ", ".join(map(repr, words[:_FEW])) or "none"
    return f"; it has {shown}" + (" …" if len(words) > _FEW else "")
