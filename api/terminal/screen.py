"""The lines at the bottom of a terminal that change, while what is printed goes above them."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from dflow.terminal.texts import Look, ansi, cells, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dflow.terminal.texts import Line

    _Piece = tuple[Callable[[Any], int | None], str | bytes]

__all__ = ["Screen", "can_show"]

_QUICKLY = 0.1
_LONGEST = 1 << 16
_REFLOWING = (
    "ALACRITTY_WINDOW_ID",
    "GHOSTTY_RESOURCES_DIR",
    "KITTY_WINDOW_ID",
    "KONSOLE_VERSION",
    "TERM_PROGRAM",
    "TMUX",
    "VTE_VERSION",
    "WT_SESSION",
)
"""Variables of terminals that break lines anew when they become narrower. Others cut them."""


def can_show(stream: TextIO) -> bool:
    """Whether lines can be changed on a stream once they are there: it is a terminal, and no simple one."""
    try:
        is_terminal = stream.isatty() and stream.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False
    return is_terminal and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")


class _Begun:
    """The beginning of a line that is being printed to a stream: its pieces, each with what writes it.

    Attributes:
        size: how much that is.
        is_printed: it is being written now.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.size = 0
        self.is_printed = False
        self._pieces: list[_Piece] = []

    def add(self, write: Callable[[Any], int | None], data: str | bytes) -> None:
        """One more piece."""
        self._pieces.append((write, data))
        self.size += len(data)

    def take(self) -> Sequence[_Piece]:
        """All of it; there is none then."""
        pieces, self._pieces, self.size = self._pieces, [], 0
        return pieces


class Screen:
    """Lines at the bottom of a terminal. The cursor stays below them, at the beginning of a line.

    Attributes:
        is_gone: the terminal does not take anything any more.
    """

    def __init__(self, stream: TextIO) -> None:
        self.is_gone = False
        self.look = Look.of(getattr(stream, "encoding", None))
        self._stream = stream
        self._fd = stream.fileno()
        self._encoding = getattr(stream, "encoding", None) or "ascii"
        self._lock = threading.RLock()
        self._lines: Sequence[Line] = ()
        self._shown: list[int] = []
        self._width = 0
        self._drawn = 0.0
        self._process = os.getpid()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, now. ``COLUMNS`` and ``LINES`` make it smaller."""
        try:
            found = os.get_terminal_size(self._fd)
            columns, lines = found.columns or 80, found.lines or 24
        except OSError:
            columns, lines = 80, 24
        return _at_most("COLUMNS", columns), _at_most("LINES", lines)

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines instead of those before. While another job has the terminal, nothing is shown."""
        with self._lock:
            self._lines = lines
            if self._is_foreground():
                self._write(self._redrawn())
            self._drawn = time.monotonic()

    def clear(self) -> None:
        """Take away the lines."""
        with self._lock:
            self._lines = ()
            if self._is_foreground():
                self._write(self._erased().encode())

    @contextmanager
    def cleared(self) -> Iterator[None]:
        """A block in which no lines are shown; they come again with the next refresh."""
        with self._lock:
            self._write(self._erased().encode())
            yield

    @contextmanager
    def above(self, *streams: TextIO) -> Iterator[None]:
        """A block in which what these streams print comes above the lines, bytes that their buffers get included.

        The methods of the very objects are replaced, since handlers of logs have kept them.
        """
        hooks = [self._hook(stream) for stream in {id(s): s for s in streams}.values() if _is_at(stream, self._fd)]
        try:
            yield
        finally:
            with self._lock:
                for unhook in hooks:
                    unhook()

    def _hook(self, stream: TextIO) -> Callable[[], None]:
        self._flush(stream)
        begun = _Begun(stream)
        hooked: list[Any] = [one for one in (stream, getattr(stream, "buffer", None)) if hasattr(one, "__dict__")]
        undo = [_replaced(one, self._writer(one.write, begun)) for one in hooked]

        def unhook() -> None:
            for one in undo:
                one()
            self._put(begun, begun.take())

        return unhook

    def _writer(self, original: Callable[[Any], int | None], begun: _Begun) -> Callable[[Any], int | None]:
        def write(data: Any) -> int | None:
            if not isinstance(data, (str, bytes, bytearray, memoryview)) or os.getpid() != self._process:
                return original(data)
            with self._lock:
                if begun.is_printed:  # text on its way to the buffer
                    return original(data)
                return self._print(begun, original, data if isinstance(data, str) else bytes(data))

        return write

    def _print(self, begun: _Begun, original: Callable[[Any], int | None], data: str | bytes) -> int:
        """Print whole lines above; what has no end yet is kept until it has one, or is too long to be kept."""
        whole, rest = _whole_lines(data)
        if isinstance(rest, str) and not rest.isascii():
            encoding = getattr(begun.stream, "encoding", None) or "utf-8"
            rest.encode(encoding, getattr(begun.stream, "errors", None) or "strict")  # who writes it gets the error
        if begun.size + len(rest) > _LONGEST:
            whole, rest = (data + "\n" if isinstance(data, str) else data + b"\n"), rest[:0]
        if whole:
            if self._shown:
                self._write(self._erased().encode())
            self._put(begun, [*begun.take(), (original, whole)])
            if time.monotonic() - self._drawn > _QUICKLY:  # else the next refresh does it
                self.draw(self._lines)
        if rest:
            begun.add(original, rest)
        return len(data)

    def _put(self, begun: _Begun, pieces: Sequence[_Piece]) -> None:
        begun.is_printed = True
        try:
            for original, data in pieces:
                _write_all(original, data)
                self._flush(begun.stream)
        finally:
            begun.is_printed = False

    def _flush(self, stream: TextIO) -> None:
        try:
            stream.flush()
        except (OSError, ValueError):
            self.is_gone = True

    def _redrawn(self) -> bytes:
        """The new lines over the old ones; when the width has changed, after the old ones."""
        is_same = self.size[0] == self._width
        before = len(self._shown)
        start = _up(before) if is_same else self._erased()
        self._width = self.size[0]
        self._shown = [cells(plain_text(line)) for line in self._lines]
        text = "".join(ansi(line, self.look) + "\x1b[K\n" for line in self._lines)
        left = max(0, before - len(self._shown)) if is_same else 0
        text = text.replace("\n", "\r\n")
        return (start + text + _cleared(left)).encode(self._encoding, "replace")

    def _erased(self) -> str:
        """Clear the lines that are shown; the cursor is then where the first of them was."""
        width = self.size[0]
        rows = len(self._shown)
        if width < self._width and any(name in os.environ for name in _REFLOWING):
            rows = sum(max(1, -(-shown // width)) for shown in self._shown)
        self._shown = []
        return _up(rows) + _cleared(rows) if rows else ""

    def _is_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) in (os.getpgrp(), 0)
        except OSError:
            return True  # it is not the terminal of this session: nobody else has it

    def _write(self, data: bytes) -> None:
        try:
            while data and not self.is_gone:
                data = data[_written(self._fd, data) :]
        except OSError:
            self.is_gone = True


def _up(rows: int) -> str:
    return f"\r\x1b[{rows}A" if rows else "\r"


def _cleared(rows: int) -> str:
    """Clear so many rows from that of the cursor on, and the one after; come back.

    Row by row: of rows that are cleared together, some terminals keep a copy in what can be scrolled back to.
    """
    return "\x1b[2K\r\n" * rows + "\x1b[2K" + (f"\r\x1b[{rows}A" if rows else "")


def _written(fd: int, data: bytes) -> int:
    try:
        return os.write(fd, data)
    except BlockingIOError:
        time.sleep(0.01)
        return 0


def _whole_lines(data: str | bytes) -> tuple[str | bytes, str | bytes]:
    """What ends with a newline, and what comes after it."""
    end = 1 + (data.rfind("\n") if isinstance(data, str) else data.rfind(b"\n"))
    return data[:end], data[end:]


def _write_all(write: Callable[[Any], int | None], data: str | bytes) -> None:
    """A stream without a buffer of its own may take less than it is given."""
    while data:
        taken = write(data)
        data = data[taken:] if taken else data[:0]


def _replaced(stream: Any, write: Callable[[Any], int | None]) -> Callable[[], None]:
    """Give an object another method ``write``; how that is undone."""
    attributes = stream.__dict__
    own = attributes.get("write")
    attributes["write"] = write

    def undo() -> None:
        if attributes.get("write") is not write:
            return  # somebody else has replaced it meanwhile
        if own is None:
            del attributes["write"]
        else:
            attributes["write"] = own

    return undo


def _is_at(stream: Any, fd: int) -> bool:
    """Whether a stream prints to the same terminal."""
    try:
        return bool(stream.isatty()) and os.ttyname(stream.fileno()) == os.ttyname(fd)
    except (AttributeError, OSError, ValueError):
        return False


def _at_most(variable: str, size: int) -> int:
    text = os.environ.get(variable, "")
    return min(size, int(text)) if text.isdigit() and int(text) > 0 else size
