"""What the lines of a journal mean to observers."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.observers.events import Event, RunEnded, RunStarted, StepEnded, StepNoted, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dflow.engine.layout import RunLayout

__all__ = ["Reader"]

_FINAL = frozenset(phase.value for phase in Phase if phase.is_final)


class Reader:
    """Makes events of the lines of a journal, from the first line on that says that the run begins.

    What is before that was finished by an earlier attempt.
    """

    def __init__(self, layout: RunLayout) -> None:
        self._run = layout.id
        self._path = str(layout.root.absolute())
        self._started: float | None = None
        self._steps: Counter[str] = Counter()
        self._failures: dict[str, StepEnded] = {}
        self._running: dict[str, Mapping[str, Any]] = {}

    def read(self, line: Mapping[str, Any]) -> Iterator[Event]:
        """The events that a line stands for: one or none."""
        kind = line.get("event")
        if kind == "workflow":
            yield self._workflow(line)
        elif self._started is not None and kind == "node" and not line.get("helper") and line.get("name") != self._run:
            yield from self._node(line)
        elif kind == "note" and str(line.get("name")) in self._running:
            node, text = self._running[str(line["name"])], str(line.get("text") or "")
            yield StepNoted(at=time.time(), note=text, **self._of(node))

    def _workflow(self, line: Mapping[str, Any]) -> Event:
        at, phase = _number(line.get("at")) or time.time(), str(line.get("phase"))
        if phase not in _FINAL:
            self._started = at
            self._steps.clear()
            self._failures.clear()
            self._running.clear()
            return RunStarted(self._run, self._path, at, host=line.get("host"))
        steps, failures = dict(self._steps), tuple(self._failures.values())
        return RunEnded(self._run, self._path, at, phase=phase, started=self._started, steps=steps, failures=failures)

    def _node(self, line: Mapping[str, Any]) -> Iterator[Event]:
        name, phase = str(line.get("name")), line.get("phase")
        if phase == Phase.RUNNING.value:
            self._running[name] = line
            yield StepStarted(at=_number(line.get("started")) or time.time(), **self._of(line))
        if phase not in _FINAL:
            return
        self._running.pop(name, None)
        ended = StepEnded(
            at=_number(line.get("finished")) or time.time(),
            phase=str(phase),
            message=str(line.get("message") or ""),
            started=_number(line.get("started")),
            exit_code=line.get("exitCode"),
            usage=line.get("usage"),
            host=line.get("host"),
            reused=line.get("reusedFrom"),
            **self._of(line),
        )
        if ended.type in (*LEAF_TYPES, "Skipped"):
            self._steps[ended.phase] += 1
            if Phase(ended.phase).is_failure:
                self._failures[name] = ended
        yield ended

    def _of(self, line: Mapping[str, Any]) -> dict[str, Any]:
        directory = line.get("dir")
        return {
            "run": self._run,
            "path": self._path,
            "id": str(line.get("id")),
            "name": str(line.get("name")),
            "step": str(line.get("displayName")),
            "key": line.get("key"),
            "type": str(line.get("type")),
            "template": str(line.get("template")),
            "directory": f"{self._path}/{directory}" if directory else None,
            "retries": int(line.get("retries") or 0),
        }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
