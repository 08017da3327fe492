"""Following a run that another process runs, until it has ended."""

from __future__ import annotations

import os
import select
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.live.run import LiveRun
from dflow.terminal.frame import Frame
from dflow.terminal.screen import Screen, can_show
from dflow.terminal.summary import summary
from dflow.terminal.texts import Look, ansi
from dflow.terminal.ways import AsLines, OnTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout

__all__ = ["Keys", "keys", "watch_run"]

_PAUSE = 0.25
_PLAIN_PAUSE = 0.5
_SHARE = 1 / 20
_SLOWEST = 3.0
_PATIENCE = 10.0
_MOST_AT_END = 60


def watch_run(layout: RunLayout, *, plain: bool) -> Phase | None:
    """Show a run until it has ended; its phase, or None when somebody has pressed ``q``.

    Of a run that has ended before, its calls and its summary are printed.
    """
    live = LiveRun(layout)
    live.catch_up()
    on_terminal = not plain and can_show(sys.stdout)
    if not _is_over(live, time.monotonic()):
        if not _follow(live, on_terminal=on_terminal):
            return None
        live.catch_up()
    if not live.view.phase.is_final:  # whoever ran it is gone
        live.view.interrupt()
        live.view.phase = Phase.TERMINATED
    look = Look.of(sys.stdout.encoding)
    look = look if on_terminal else Look(look.symbols, colours=False)
    _print_end(live, look, Screen(sys.stdout).size[0] - 1 if on_terminal else None)
    return Phase(live.status) if live.status != "damaged" else Phase.ERROR


def _follow(live: LiveRun, *, on_terminal: bool) -> bool:
    """Show it until it is over; False when somebody has pressed ``q``."""
    began = time.monotonic()
    with ExitStack() as stack:
        pressed = stack.enter_context(keys())
        if on_terminal:
            way: OnTerminal | AsLines = OnTerminal(live, sys.stdout, None, stack)
        else:
            way = AsLines(live, time.time(), sys.stdout)
        while True:
            is_over = _is_over(live, began)  # looked at before the journal is, so nothing is missed
            at = time.thread_time()
            way.refresh(live.catch_up())
            if is_over:
                return True
            least = _PAUSE if on_terminal else _PLAIN_PAUSE
            if pressed.wait(min(_SLOWEST, max(least, (time.thread_time() - at) / _SHARE))) == "q":
                return False


def _is_over(live: LiveRun, began: float) -> bool:
    """Whether nobody runs it any more; one that nobody has begun to run is given a while."""
    if is_running(live.layout):
        return False
    if live.view.phase is Phase.PENDING and live.status == Phase.PENDING.value:
        return time.monotonic() - began > _PATIENCE
    return True


def _print_end(live: LiveRun, look: Look, width: int | None) -> None:
    """The calls, all that are worth a line, and the summary."""
    columns = width or 200
    lines = Frame(live, look, whole=True).lines(columns, _MOST_AT_END, live.view.finished or time.time())
    lines += summary(live, look, width=columns, now=time.time())[1:]
    sys.stdout.write("".join(ansi(line, look) + "\n" for line in lines))
    sys.stdout.flush()


class Keys:
    """The keys that are pressed."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd

    def wait(self, seconds: float) -> str:
        """The key that is pressed within that time; "" when none is."""
        if self._fd is None:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return ""
        try:
            found = os.read(self._fd, 64)
        except OSError:
            found = b""
        if not found:  # nobody is there any more
            self._fd = None
        return found[:1].decode("ascii", "replace").lower()


@contextmanager
def keys() -> Iterator[Keys]:
    """A block in which single keys can be waited for, where there is a keyboard."""
    import termios
    import tty

    fd = _keyboard()
    if fd is None:
        yield Keys(None)
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keys(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _keyboard() -> int | None:
    """Standard input, where somebody types into it."""
    try:
        fd = sys.stdin.fileno()
        return fd if os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp() else None
    except (AttributeError, OSError, ValueError):
        return None
