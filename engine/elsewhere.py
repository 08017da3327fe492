"""Jobs that run on other machines and outlive the engine: a run that goes on finds those that it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.ports import Job

if TYPE_CHECKING:
    from dflow.engine.layout import StepLayout
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor

__all__ = ["has_left_a_job", "job_left_behind"]


def has_left_a_job(node: Node, executor: Executor) -> bool:
    """Whether an earlier engine has left a job in a node's directory that can be gone on with."""
    adopt = getattr(executor, "adopt", None) if executor.capabilities.elsewhere else None
    return adopt is not None and node.place is not None and node.place.root.is_dir() and bool(adopt(node.place.root))


def job_left_behind(node: Node, step: StepLayout, timeout: float | None, grace: float) -> Job:
    """That job, for an executor that goes on with it: what it was started with is there already."""
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
