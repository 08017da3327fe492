"""The ways of showing a run that goes on: at the bottom of a terminal, in a notebook, as lines."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

from dflow.terminal.frame import Frame
from dflow.terminal.notebook import NotebookCell
from dflow.terminal.plain import PlainLines
from dflow.terminal.screen import Screen
from dflow.terminal.summary import summary
from dflow.terminal.texts import Line, Look, ansi, plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from dflow.live.run import LiveRun
    from dflow.live.view import LiveNode

__all__ = ["AsLines", "InNotebook", "OnTerminal"]

_CELL = (110, 60)
_SUMMARY_OF_LOGS = 200
_MOST_LINES = 50


class OnTerminal:
    """At the bottom of a terminal, from now until the stack is closed; what is printed meanwhile goes above.

    Attributes:
        screen: where it is.
    """

    def __init__(self, live: LiveRun, stream: TextIO, began: float | None, stack: ExitStack) -> None:
        self._live = live
        self._began = began
        self._stream = stream
        self.screen = Screen(stream)
        self._frame = Frame(live, self.screen.look, began=began)
        streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
        stack.enter_context(self.screen.above(*(stream for stream in streams if stream is not None)))
        stack.callback(self.screen.clear)

    def refresh(self, changed: Sequence[LiveNode]) -> None:
        """Draw it anew."""
        columns, lines = self.screen.size
        self.screen.draw(self._frame.lines(columns - 1, min(lines - 1, _MOST_LINES), time.time()))

    def end(self, changed: Sequence[LiveNode], *, with_summary: bool) -> None:
        """Nothing of it stays but the summary."""
        self.screen.clear()
        if with_summary:
            look, width = self.screen.look, self.screen.size[0] - 1
            lines = summary(self._live, look, width=width, now=time.time(), began=self._began)
            self._stream.write("".join(ansi(line, look) + "\n" for line in lines))


class InNotebook:
    """In the output of a cell; it stays there when the run has ended."""

    def __init__(self, live: LiveRun, began: float) -> None:
        self._live = live
        self._began = began
        self._look = Look()
        self._frame = Frame(live, self._look, began=began)
        self._cell = NotebookCell()

    def refresh(self, changed: Sequence[LiveNode]) -> None:
        """Draw it anew."""
        self._cell.draw(self._frame.lines(*_CELL, time.time()))

    def end(self, changed: Sequence[LiveNode], *, with_summary: bool) -> None:
        """The last state, and a summary."""
        lines: list[Line] = self._frame.lines(*_CELL, time.time())
        if with_summary:
            lines += summary(self._live, self._look, width=_CELL[0], now=time.time(), began=self._began)[1:]
        self._cell.draw(lines)


class AsLines:
    """Lines on standard error, so that standard output has what it had."""

    def __init__(self, live: LiveRun, began: float, stream: TextIO | None = None) -> None:
        self._live = live
        self._began = began
        self._stream = sys.stderr if stream is None else stream
        self._look = Look.of(getattr(self._stream, "encoding", None))
        self._lines = PlainLines(live, self._look, began)

    def refresh(self, changed: Sequence[LiveNode]) -> None:
        """Print what is new."""
        self._print(self._lines.lines(changed, time.time()))

    def end(self, changed: Sequence[LiveNode], *, with_summary: bool) -> None:
        """Print what is new, and the summary."""
        self.refresh(changed)
        if with_summary:
            lines = summary(self._live, self._look, width=_SUMMARY_OF_LOGS, now=time.time(), began=self._began)
            self._print(plain_text(line) for line in lines)

    def _print(self, lines: object) -> None:
        text = "".join(f"{line}\n" for line in lines)  # type: ignore[attr-defined]
        if text:
            encoding = getattr(self._stream, "encoding", None) or "ascii"
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
