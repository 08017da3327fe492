"""Steps that wait: for a time, or for somebody who resumes the workflow (SU-01)."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from dflow.engine.durations import seconds_of
from dflow.engine.errors import ExpressionError
from dflow.engine.phase import Phase
from dflow.engine.scope import resolve
from dflow.engine.state import read_text, write_json, write_text, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Protocol

    from dflow.engine.groups import Group
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import SuspendTemplate
    from dflow.engine.node import Node

    class Owner(Protocol):
        """The part of the scheduler that is seen here."""

        def later(self, seconds: float, work: Callable[[], None]) -> None:
            """Do a piece of work after some time, or as soon as the run is being ended."""

        def post(self, work: Callable[[], None]) -> None:
            """Do a piece of work."""

        def finish(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
            """A node is done."""


__all__ = ["Pauses"]

_log = logging.getLogger("dflow.engine")


class Pauses:
    """The nodes of a run that wait.

    When a node began to wait is written down, so that after a kill it waits for the rest of its time alone.
    """

    def __init__(self, layout: RunLayout, owner: Owner) -> None:
        self._layout = layout
        self._owner = owner
        self._open: dict[str, tuple[Node, SuspendTemplate, Group | None]] = {}

    def began(self, node: Node) -> float:
        """When a node began to wait, in this attempt or in an earlier one."""
        place = self._place(node)
        try:
            data = json.loads(read_text(place))
            if data["node"] == node.name:
                return float(data["began"])
        except (OSError, ValueError, TypeError, KeyError):
            pass
        began = time.time()
        with writing(place):
            place.parent.mkdir(exist_ok=True)
        write_json(place, {"node": node.name, "began": began})
        return began

    def begin(
        self, node: Node, template: SuspendTemplate, group: Group | None, values: Mapping[str, str | None]
    ) -> None:
        """Have a node wait, which has its start.

        Raises:
            ExpressionError: its duration is none.
        """
        seconds = math.inf
        if template.duration is not None:
            text = resolve(template.duration, values) or ""
            length = seconds_of(text)
            if length is None:
                raise ExpressionError(f"the duration {text!r} of {node.display!r} is none; write 90, 90s or 1m30s")
            seconds = max((node.started or 0.0) + length - time.time(), 0.0)
        else:
            _log.warning(
                "step %r waits until somebody resumes the workflow: dflow resume %s", node.display, self._layout.id
            )
        self._open[node.id] = (node, template, group)
        self._owner.later(seconds, partial(self._over, node.id))

    def resume(self, request: Mapping[str, Any]) -> None:
        """Somebody resumes the workflow: perhaps with ``outputs`` by name, perhaps only some ``steps``."""
        given = request.get("outputs")
        outputs = {str(k): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
        steps = request.get("steps")
        for node, template, group in list(self._open.values()):
            if isinstance(steps, list) and steps and not {node.id, node.display, node.key, node.name} & set(steps):
                continue
            missing = _missing(template, outputs)
            if missing:
                _log.warning("step %r is not resumed: it needs a value for %s", node.display, ", ".join(missing))
            else:
                self._owner.post(partial(self._end, node, template, group, outputs, "resumed"))

    def stop(self, why: str) -> None:
        """The run is being ended."""
        for node, _, group in list(self._open.values()):
            self._owner.post(partial(self._close, node, group, Phase.FAILED, why))

    def _over(self, node_id: str) -> None:
        """The time of a node is over, or the run is being ended and has seen to the node already."""
        if node_id not in self._open:
            return
        node, template, group = self._open[node_id]
        missing = _missing(template, {})
        if missing:
            self._close(node, group, Phase.ERROR, f"its time is over, and nobody gave a value for {', '.join(missing)}")
        else:
            self._end(node, template, group, {}, "")

    def _end(
        self, node: Node, template: SuspendTemplate, group: Group | None, outputs: Mapping[str, str], message: str
    ) -> None:
        if node.id not in self._open:  # it was resumed twice
            return
        for parameter in template.outputs.parameters:
            text = outputs.get(parameter.name) if parameter.supplied else None
            if text is None and parameter.default is not None:
                text = resolve(parameter.default, {})
            if text is not None:
                node.outputs[parameter.name] = text
                self._write_output(node, parameter.name, text)
        self._close(node, group, Phase.SUCCEEDED, message)

    @staticmethod
    def _write_output(node: Node, name: str, text: str) -> None:
        if node.place is not None:
            place = node.place.output_parameters / name
            with writing(place):
                place.parent.mkdir(parents=True, exist_ok=True)
            write_text(place, text)

    def _close(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        if self._open.pop(node.id, None) is not None:
            self._owner.finish(node, group, phase, message)
            place = self._place(node)
            with writing(place):
                place.unlink(missing_ok=True)

    def _place(self, node: Node) -> Path:
        return self._layout.attempts / f"{hashlib.sha256(node.name.encode()).hexdigest()[:32]}.pause.json"


def _missing(template: SuspendTemplate, outputs: Mapping[str, str]) -> list[str]:
    """Outputs that somebody has to give, and has not."""
    return [
        repr(p.name) for p in template.outputs.parameters if p.supplied and p.default is None and p.name not in outputs
    ]
