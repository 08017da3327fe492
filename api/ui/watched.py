"""Runs that are looked at: each is read once for all who look, and what changed is told by versions."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from dflow.engine.errors import DflowError
from dflow.engine.lease import holder, is_running, silence
from dflow.engine.phase import Phase
from dflow.live.calls import templates_of
from dflow.live.run import LiveRun
from dflow.ui.answers import Refused, in_thread
from dflow.ui.checked import check_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import TaskGroup
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template
    from dflow.live.view import LiveNode, RunView

__all__ = ["Changes", "Hub", "LocalSource", "Source", "Watched", "runner_of"]

_REMEMBERED = 400
_MANY = 200
_QUICK = 0.25
_SLOW = 1.0
_GENTLE = 4
_log = logging.getLogger("dflow.ui")


class Source(Protocol):
    """Where a run is read from.

    Attributes:
        id: what the address of the page calls it.
        kind: ``local`` or ``argo``.
        view: its nodes; another object after they began anew.
        layout: where it is; None of a run on a server.
        pause: the seconds between two looks.
    """

    id: str
    kind: str
    pause: float

    @property
    def view(self) -> RunView: ...
    @property
    def layout(self) -> RunLayout | None: ...
    @property
    def templates(self) -> Mapping[str, Template]: ...
    @property
    def entrypoint(self) -> str: ...

    def refresh(self) -> list[LiveNode]:
        """Take in what is new."""

    def status(self) -> str:
        """The workflow's phase."""

    def runner(self) -> dict[str, Any] | None:
        """Who runs it: host, pid, silentFor."""

    def can(self) -> list[str]:
        """What can be done to it now."""


class Changes:
    """What changed in a run after a version: the nodes, or ``many`` of them."""

    __slots__ = ("many", "names", "version")

    def __init__(self, version: int, names: list[str], *, many: bool) -> None:
        self.version = version
        self.names = names
        self.many = many


class LocalSource:
    """A run directory."""

    kind = "local"
    pause = _QUICK

    def __init__(self, layout: RunLayout) -> None:
        self.id = layout.id
        self._live = LiveRun(layout)
        self._templates: tuple[object, Mapping[str, Template]] = (None, {})

    @property
    def view(self) -> RunView:
        """Its nodes."""
        return self._live.view

    @property
    def layout(self) -> RunLayout:
        """Where it is."""
        return self._live.layout

    @property
    def templates(self) -> Mapping[str, Template]:
        """The templates of its graph."""
        graph = self._live.graph
        if self._templates[0] is not graph:
            self._templates = (graph, templates_of(graph))
        return self._templates[1]

    @property
    def entrypoint(self) -> str:
        """The template of its root."""
        graph = self._live.graph
        return "" if graph is None else graph.entrypoint

    def refresh(self) -> list[LiveNode]:
        """Take in what is new in its journal."""
        check_run(self.layout)
        return self._live.catch_up()

    def status(self) -> str:
        """Its status, as ``dflow get`` gives it."""
        return self._live.status

    def runner(self) -> dict[str, Any] | None:
        """Who holds its lease."""
        return runner_of(self.layout)

    def can(self) -> list[str]:
        """What can be done now."""
        layout, status = self.layout, self.status()
        if is_running(layout):
            is_suspended = layout.suspended.exists()
            waits = is_suspended or any(node.type == "Suspend" for node in list(self.view.running.values()))
            return [
                "terminate",
                "stop",
                *([] if is_suspended else ["suspend"]),
                *(["resume"] if waits else []),
                *(["retry"] if self.view.failures else []),
            ]
        if status in (Phase.SUCCEEDED.value, "damaged"):
            return []
        if status in (Phase.FAILED.value, Phase.ERROR.value):
            return ["retry"]  # a resume would keep what has failed
        return ["resume", *(["retry"] if self.view.failures else [])]


def runner_of(layout: RunLayout) -> dict[str, Any] | None:
    """Who runs a run, and for how long another host has given no sign of life."""
    current = holder(layout)
    if current is None or not is_running(layout):
        return None
    return {"host": current.get("host"), "pid": current.get("pid"), "silentFor": silence(layout)}


class Watched:
    """A run that somebody looks at. What is read of its view is read while ``lock`` is held.

    Attributes:
        version: one more whenever something has changed.
        starting: held while it is gone on with, so two who ask at once do not start two runners.
        used: when somebody last asked for it.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lock = threading.RLock()
        self.starting = threading.Lock()
        self.version = int(time.time() * 1000)  # a page that was open before the server was started again is behind
        self.used = time.monotonic()
        self.listeners = 0
        self.is_followed = False
        self.event = anyio.Event()
        self.kept: dict[str, tuple[int, Any]] = {}
        self._oldest = self.version
        self._recent: deque[tuple[int, frozenset[str] | None]] = deque(maxlen=_REMEMBERED)
        self._status = ""

    @property
    def id(self) -> str:
        """What the address of the page calls it."""
        return self.source.id

    @property
    def view(self) -> RunView:
        """Its nodes."""
        return self.source.view

    def refresh(self) -> int:
        """Take in what is new; the version now."""
        with self.lock:
            before = self.source.view
            changed = self.source.refresh()
            status = self.source.status()
            is_other = self.source.view is not before
            if changed or is_other or status != self._status:
                self._status = status
                self.version += 1
                names = None if is_other or len(changed) > _MANY else frozenset(node.name for node in changed)
                if len(self._recent) == _REMEMBERED:
                    self._oldest = self._recent[0][0]
                self._recent.append((self.version, names))
            return self.version

    def changes(self, since: int) -> Changes:
        """What changed after a version."""
        with self.lock:
            if since < self._oldest or since > self.version:
                return Changes(self.version, [], many=True)
            found: set[str] = set()
            for version, names in reversed(self._recent):
                if version <= since:
                    break
                if names is None:
                    return Changes(self.version, [], many=True)
                found |= names
            many = len(found) > _MANY
            return Changes(self.version, [] if many else sorted(found), many=many)

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, made once for each version; to be called while ``lock`` is held."""
        found = self.kept.get(name)
        if found is None or found[0] != self.version:
            found = self.kept[name] = (self.version, make())
        return found[1]

    @property
    def is_over(self) -> bool:
        """It has ended, and nobody runs it."""
        return self._status not in ("", Phase.RUNNING.value, Phase.PENDING.value) and self.source.runner() is None


class Hub:
    """The runs that are looked at; those that were not for the longest time are forgotten.

    Args:
        make: the source of a run of that id.
        most: how many are kept that nobody listens to.
    """

    def __init__(self, make: Callable[[str], Source], most: int = 8) -> None:
        self._make = make
        self._most = most
        self._runs: dict[str, Watched] = {}
        self._guard = threading.Lock()

    def get(self, name: str) -> Watched:
        """The run of that id, as it was when it was last read."""
        with self._guard:
            found = self._runs.get(name)
            is_there = found is not None and (found.source.layout is None or found.source.layout.graph.is_file())
            if found is None or not is_there:
                self._runs.pop(name, None)
                found = self._runs[name] = Watched(self._make(name))
            found.used = time.monotonic()
            self._forget()
            return found

    def _forget(self) -> None:
        idle = sorted((run for run in self._runs.values() if not run.listeners), key=lambda run: run.used)
        for run in idle[: max(0, len(idle) - self._most)]:
            del self._runs[run.id]

    def listen(self, run: Watched, tasks: TaskGroup) -> None:
        """One more listens to a run; the first one has it followed. To be called in the event loop."""
        run.listeners += 1
        if not run.is_followed:
            run.is_followed = True
            tasks.start_soon(self._follow, run)

    def leave(self, run: Watched) -> None:
        """One less listens."""
        run.listeners -= 1
        run.used = time.monotonic()

    async def _follow(self, run: Watched) -> None:
        """Read a run again and again while somebody listens, and wake those when it has changed."""
        seen, has_failed = run.version, False
        while run.listeners:
            begun = anyio.current_time()
            try:
                version = await in_thread(run.refresh)
                is_over = await in_thread(lambda: run.is_over)
            except Exception as exc:  # noqa: BLE001 - one run must not end what others are followed with
                # It was deleted, or its server does not answer: the page asks, and is told.
                if not has_failed and not isinstance(exc, (OSError, DflowError, Refused)):
                    _log.error("the run %s cannot be followed", run.id, exc_info=exc)
                has_failed = True
                version = run.version = run.version + 1
                is_over = True
            if version != seen:
                seen = version
                run.event.set()
                run.event = anyio.Event()
            spent = anyio.current_time() - begun
            await anyio.sleep(max(_SLOW if is_over else run.source.pause, _GENTLE * spent))
        run.is_followed = False
