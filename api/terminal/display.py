"""Shows a run while this process runs it, from a thread that reads its journal; nothing of it can stop the run."""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from dflow.config import config

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.live.run import LiveRun
    from dflow.live.view import LiveNode

__all__ = ["Display", "chosen", "display"]

_MODES = ("auto", "live", "plain", "none")
_FIRST = 0.3
"""Seconds after which a run is shown."""
_LONG = 2.0
"""Seconds that a run takes at least that has a summary, and lines where there is no terminal."""
_SHARES = (1 / 300, 1 / 60)
"""How much of one processor drawing is to take, and may take so that half a second is not exceeded.

To read the journal takes some 10 or 20 microseconds for each event besides.
"""
_SOON = 0.5
_PAUSES = {"live": (0.15, 3.0), "notebook": (0.5, 5.0), "plain": (1.0, 5.0)}

_log = logging.getLogger("dflow.terminal")
_busy = threading.Lock()


def chosen() -> str:
    """``live``, ``plain``, ``notebook`` or ``none``, by ``config["progress"]`` and where the process is."""
    from dflow.nested import enclosing_step

    wanted = str(config["progress"] or "none")
    if wanted not in _MODES:
        _log.warning("config['progress'] is %r; it must be one of %s; 'auto' is used", wanted, ", ".join(_MODES))
        wanted = "auto"
    if wanted == "none" or enclosing_step() is not None or config["isolation"] == "inline":
        return "none"
    if wanted == "plain":
        return wanted
    from dflow.terminal.notebook import is_notebook

    if is_notebook():
        return "notebook"
    return "live" if _terminal() is not None and (wanted == "live" or not os.environ.get("CI")) else "plain"


def _terminal() -> TextIO | None:
    """The stream to show it on: standard output, when that is a terminal."""
    from dflow.terminal.screen import can_show

    return sys.stdout if sys.stdout is not None and can_show(sys.stdout) else None


def display(layout: RunLayout) -> Display:
    """What shows a run from now on; a context. Of runs that go on at the same time, the first is shown."""
    return Display(layout, chosen())


class _Shown(Protocol):
    """One way of showing a run, for one thread."""

    def refresh(self, changed: list[LiveNode]) -> None:
        """Show what is new."""

    def end(self, changed: list[LiveNode], *, with_summary: bool) -> None:
        """Show what is left when the run has ended."""


class Display:
    """Follows one run in a thread.

    It does nothing before the run has lasted 0.3 seconds, so that short runs cost nothing and show nothing.
    """

    def __init__(self, layout: RunLayout, mode: str) -> None:
        self._layout = layout
        self._mode = mode
        self._began = time.time()
        self._clock = time.monotonic()
        self._over = threading.Event()
        self._has_result = False
        self._thread: threading.Thread | None = None
        self._locked = False
        self._shown: _Shown | None = None
        self._at_stop: Any = None

    def __enter__(self) -> Display:  # noqa: PYI034 - nobody derives from it
        if self._mode == "none":
            return self
        self._locked = _busy.acquire(blocking=False)
        if self._locked:
            context = contextvars.copy_context()  # a kernel knows by it which cell prints
            self._thread = threading.Thread(target=context.run, args=(self._run,), name="dflow-display", daemon=True)
            self._thread.start()
            self._catch_stop()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def end(self) -> None:
        """The run has ended: take everything away and, where it took long, leave a summary."""
        self._has_result = True
        self._stop()

    def _stop(self) -> None:
        thread, self._thread = self._thread, None
        self._over.set()
        try:
            if thread is not None:
                thread.join()
        finally:
            if self._at_stop is not None:
                signal.signal(signal.SIGTSTP, self._at_stop)
                self._at_stop = None
            if self._locked:
                self._locked = False
                _busy.release()

    def _catch_stop(self) -> None:
        """Ctrl-Z takes the lines away before it stops the process; where the program does nothing else with it."""
        is_main = threading.current_thread() is threading.main_thread()
        if self._mode == "live" and is_main and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._at_stop = signal.signal(signal.SIGTSTP, self._stop_process)

    def _stop_process(self, number: int, _: object) -> None:
        screen = getattr(self._shown, "screen", None)
        with screen.cleared() if screen is not None else nullcontext():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # it goes on here
            signal.signal(number, self._stop_process)

    def _run(self) -> None:
        first = _FIRST if self._mode != "plain" else _LONG
        if self._over.wait(first):
            return
        try:
            self._follow()
        except Exception:  # noqa: BLE001 - the run goes on, whatever is wrong with what shows it
            _log.debug("the display of %s has stopped", self._layout.id, exc_info=True)

    def _follow(self) -> None:
        from dflow.live.run import LiveRun

        live = LiveRun(self._layout)
        least, most = _PAUSES[self._mode]
        with ExitStack() as stack:
            shown = self._shown = self._make(live, stack)
            pause = 0.0
            while not self._over.wait(pause):
                changed = live.catch_up()
                began = time.thread_time()
                shown.refresh(changed)
                cost = time.thread_time() - began
                pause = min(most, max(least, min(cost / _SHARES[0], max(_SOON, cost / _SHARES[1]))))
            if self._has_result:
                shown.end(live.catch_up(), with_summary=time.monotonic() - self._clock >= _LONG)
            elif self._mode == "notebook":  # where the last state stays
                shown.refresh(live.catch_up())

    def _make(self, live: LiveRun, stack: ExitStack) -> _Shown:
        from dflow.terminal import ways

        terminal = _terminal() if self._mode == "live" else None
        if terminal is not None:
            return ways.OnTerminal(live, terminal, self._began, stack)
        return ways.InNotebook(live, self._began) if self._mode == "notebook" else ways.AsLines(live, self._began)
