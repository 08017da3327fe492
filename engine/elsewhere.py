"""Jobs that run on other machines and outlive the engine: a run that goes on finds those that it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.journal import read_events
from dflow.engine.ports import Job

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor

__all__ = ["Elsewhere", "job_left_behind"]


class Elsewhere:
    """Knows in which directories steps had begun before this engine."""

    def __init__(self, layout: RunLayout) -> None:
        self._layout = layout
        self._begun: dict[str, str] | None = None

    def found(self, node: Node, executor: Executor) -> StepLayout | None:
        """The directory of a node in which an earlier engine has left a job that can be gone on with; else None."""
        if node.place is None:
            return None
        for step in (node.place, self._earlier(node)):
            if step is not None and step.root.is_dir() and _adopts(executor, step.root):
                return step
        return None

    def _earlier(self, node: Node) -> StepLayout | None:
        """Where it had begun: a node without a key gets another directory each time."""
        if self._begun is None:
            events = read_events(self._layout.journal)
            self._begun = {
                str(event["name"]): str(event["dir"]) for event in events if event.get("name") and event.get("dir")
            }
        name = self._begun.get(node.name)
        return None if name is None else self._layout.step(name)


def job_left_behind(node: Node, step: StepLayout, timeout: float | None, grace: float) -> Job:
    """The job in a directory, for an executor that goes on with it: what it was started with is there already."""
    return Job(
        name=node.name,
        argv=(),
        cwd=step.workdir,
        env={},
        log=step.log,
        step=step.root,
        timeout=timeout,
        grace=grace,
    )


def _adopts(executor: Executor, step: Path) -> bool:
    adopt = getattr(executor, "adopt", None)
    return adopt is not None and bool(adopt(step))
