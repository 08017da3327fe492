"""Texts on a terminal: symbols, colours, widths; nothing that a program has written can do more than be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dflow.engine.phase import Phase
from dflow.live.tails import without_controls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Line", "Look", "Part", "ansi", "cells", "clean", "clip", "counted", "plain_text", "style_of"]

_ASCII = {
    Phase.PENDING: ".",
    Phase.RUNNING: "*",
    Phase.SUCCEEDED: "+",
    Phase.SKIPPED: "-",
    Phase.OMITTED: "-",
    Phase.FAILED: "x",
    Phase.ERROR: "!",
    Phase.TERMINATED: "#",
}
_STYLES = {
    Phase.PENDING: "dim",
    Phase.RUNNING: "cyan",
    Phase.SUCCEEDED: "green",
    Phase.SKIPPED: "dim",
    Phase.OMITTED: "dim",
    Phase.FAILED: "red",
    Phase.ERROR: "red",
    Phase.TERMINATED: "yellow",
}
_CODES = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_OURS = "◷●✔○✖⚠■│…█·→"
_NARROW = re.compile(f"[ -~\u00a1-\u02ff{_OURS}]*\\Z")
_WORDS = {
    Phase.SUCCEEDED: "done",
    Phase.RUNNING: "running",
    Phase.PENDING: "waiting",
    Phase.FAILED: "failed",
    Phase.ERROR: "in error",
    Phase.SKIPPED: "skipped",
    Phase.OMITTED: "omitted",
    Phase.TERMINATED: "terminated",
}


class Part(NamedTuple):
    """A piece of a line, in a style: a colour, ``dim``, ``bold``, or ``""``."""

    text: str
    style: str = ""


Line = list[Part]


@dataclass(frozen=True, slots=True)
class Look:
    """What can be shown.

    Attributes:
        symbols: more than ASCII.
        colours: and bold, and dim.
    """

    symbols: bool = True
    colours: bool = True

    @classmethod
    def of(cls, encoding: str | None) -> Look:
        """For a stream of that encoding, in this environment."""
        try:
            _OURS.encode(encoding or "ascii")
            symbols = True
        except (UnicodeEncodeError, LookupError):
            symbols = False
        return cls(symbols, colours=not os.environ.get("NO_COLOR"))

    def symbol(self, phase: Phase) -> str:
        """One character for a phase."""
        return phase.symbol if self.symbols else _ASCII[phase]

    def bar(self, done: int, total: int, width: int) -> Line:
        """How much is done; full only when all is."""
        filled = width * done // total if total else 0
        full, empty = ("█", "·") if self.symbols else ("#", "-")
        return [Part(full * filled, "green"), Part(empty * (width - filled), "dim")]

    @property
    def dots(self) -> str:
        """There is more."""
        return "…" if self.symbols else "..."

    @property
    def edge(self) -> str:
        """Stands before a line of a log."""
        return "│" if self.symbols else "|"

    @property
    def arrow(self) -> str:
        """Stands between what follows each other."""
        return "→" if self.symbols else "->"


def style_of(phase: Phase) -> str:
    """The colour of a phase."""
    return _STYLES[phase]


def clean(text: str) -> str:
    """A text in one line, without control characters."""
    return " ".join(without_controls(text).split())


def cells(text: str) -> int:
    """How many columns a text takes."""
    if _NARROW.match(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def clip(line: Iterable[Part], width: int, look: Look) -> Line:
    """The line, cut at a width, with dots where something was cut."""
    found: Line = []
    used = 0
    parts = list(line)
    if sum(cells(part.text) for part in parts) <= width:
        return parts
    room = width - len(look.dots)
    for part in parts:
        wide = cells(part.text)
        if used + wide <= room:
            found.append(part)
            used += wide
            continue
        found.append(Part(_cut(part.text, room - used), part.style))
        break
    return [*found, Part(look.dots[: max(0, width)], "dim")]


def _cut(text: str, width: int) -> str:
    if _NARROW.match(text):
        return text[: max(0, width)]
    from rich.cells import cell_len

    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if cell_len(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def ansi(line: Iterable[Part], look: Look) -> str:
    """The line with escape sequences for its styles."""
    if not look.colours:
        return plain_text(line)
    return "".join(f"\x1b[{_CODES[p.style]}m{p.text}\x1b[0m" if p.style and p.text else p.text for p in line)


def plain_text(line: Iterable[Part]) -> str:
    """The line without styles."""
    return "".join(part.text for part in line)


def counted(counts: Mapping[Phase, int]) -> str:
    """``12 done, 3 running``; phases that nothing is in are left out."""
    return ", ".join(f"{counts[phase]:,} {word}" for phase, word in _WORDS.items() if counts.get(phase))
