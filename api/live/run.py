"""A run as it is now: its journal, followed, and whether somebody runs it."""

from __future__ import annotations

import os
import time
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import DflowError
from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.engine.run_directory import load_graph
from dflow.live.follower import Follower
from dflow.live.view import RunView
from dflow.query import read_status, records_of_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph
    from dflow.live.view import LiveNode

__all__ = ["LiveRun"]

_LOOK = 1.0
_WORD = 64


class LiveRun:
    """Follows one run, from this process or another one.

    Attributes:
        layout: where it is.
        view: what is known of its nodes; another object after the journal began anew.
    """

    def __init__(self, layout: RunLayout) -> None:
        self.layout = layout
        self.view = RunView(layout.id)
        self._follower = Follower(layout.journal)
        self._starts = 0
        self._searched = False
        self._is_alive: bool | None = None
        self._looked = float("-inf")
        self._graph: tuple[int, WorkflowGraph] | None = None

    def refresh(self) -> list[LiveNode]:
        """Take in what is new; the nodes that changed, each once, and at most what is read at once."""
        events = self._follower.read()
        if self._follower.starts != self._starts:
            self.view, self._starts = RunView(self.layout.id), self._follower.starts
        changed: dict[str, LiveNode] = {}
        for event in _latest(events):
            if (node := self.view.apply(event)) is not None:
                changed[node.name] = node
        if not events and self.view.phase is Phase.RUNNING and not self._runs():
            changed.update((node.name, node) for node in self._interrupted())
        if not events and not self.view.nodes and not self._searched:
            self._searched = True
            changed.update((node.name, node) for node in self._from_directories())
        return list(changed.values())

    def _interrupted(self) -> list[LiveNode]:
        """What ran when the runner was killed; a step may have been committed before the journal was told."""
        found = self.view.interrupt()
        for node in found:
            phase = _phase_of(self.layout, node.directory)
            if phase is not None and phase.is_final:
                self.view.settle(node, phase)
        return found

    def _from_directories(self) -> list[LiveNode]:
        """Without a journal, as after a loss of files: what the step directories say."""
        if self.layout.graph.exists() and self.status not in ("Pending", "damaged"):
            self.view.apply({"event": "workflow", "phase": self.status})
            self.view.apply({"event": "node", "name": self.layout.id, "type": "Steps", "phase": self.status})
            for record in records_of_steps(self.layout):
                self.view.apply({"event": "node", **record})
        return list(self.view.nodes.values())

    def catch_up(self) -> list[LiveNode]:
        """Take in all that is there now; the nodes that changed."""
        changed: dict[str, LiveNode] = {}
        while new := self.refresh():
            changed.update((node.name, node) for node in new)
        return list(changed.values())

    @property
    def status(self) -> str:
        """The workflow's phase, ``Terminated`` where its runner is gone; ``damaged`` where it cannot be read."""
        try:
            return read_status(self.layout)
        except DflowError:
            return "damaged"

    @property
    def graph(self) -> WorkflowGraph | None:
        """The compiled workflow, as it was last submitted; None where it cannot be read."""
        try:
            stamp = self.layout.graph.stat().st_mtime_ns
            if self._graph is None or self._graph[0] != stamp:
                self._graph = (stamp, load_graph(self.layout))
        except (OSError, DflowError):
            return None
        return self._graph[1]

    def _runs(self) -> bool:
        now = time.monotonic()
        if now - self._looked > _LOOK or self._is_alive is None:
            self._looked, self._is_alive = now, is_running(self.layout)
        return self._is_alive


def _phase_of(layout: RunLayout, directory: str | None) -> Phase | None:
    """What a step directory says. The run may be from anywhere: only a plain file in it is read, and only a word."""
    if directory is None or "/" in directory or directory in ("", ".", ".."):
        return None
    try:
        file = os.open(layout.step(directory).phase, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            data = os.read(file, _WORD) if S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)
        return Phase(data.decode("ascii", "replace").strip())
    except (OSError, ValueError):  # also a NUL in the name
        return None


def _latest(events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Of each node the last word between two events of other kinds, in the place of its first: it says all."""
    waiting: dict[str, Mapping[str, Any]] = {}
    for event in events:
        name = event.get("name")
        if event.get("event") == "node" and isinstance(name, str):
            if event.get("phase") == "Running" and "started" not in event:  # it goes on
                event = {**waiting.get(name, {}), **event}  # noqa: PLW2901
            waiting[name] = event
            continue
        yield from waiting.values()
        waiting.clear()
        yield event
    yield from waiting.values()
