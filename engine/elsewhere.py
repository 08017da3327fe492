"""Jobs that run on other machines and outlive the engine: a run that goes on finds those that it has left."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from dflow.engine.fingerprint import changes
from dflow.engine.ports import Job
from dflow.engine.state import read_text, write_json

if TYPE_CHECKING:
    from dflow.engine.layout import StepLayout
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor

__all__ = ["has_left_a_job", "job_left_behind", "note_what_is_asked"]

_log = logging.getLogger("dflow.engine")


async def has_left_a_job(node: Node, executor: Executor) -> bool:
    """Whether an earlier engine has left a job in a node's directory that can be gone on with.

    A job that was made from other inputs, or another program, is ended.
    """
    adopt = getattr(executor, "adopt", None) if executor.capabilities.elsewhere else None
    if adopt is None or node.place is None or not node.place.root.is_dir() or not adopt(node.place.root):
        return False
    if changes(_asked(node.place), node.fingerprint):
        _log.warning("the job of step %r is cancelled: it was made from something else", node.key or node.display)
        await executor.drop(node.place.root)  # type: ignore[attr-defined]  # one that adopts can drop
        return False
    return True


def note_what_is_asked(node: Node, executor: Executor) -> None:
    """Keep what the job of a node is made from."""
    if executor.capabilities.elsewhere and node.place is not None:
        write_json(node.place.asked, node.fingerprint)


def _asked(step: StepLayout) -> dict[str, str]:
    try:
        found = json.loads(read_text(step.asked))
    except (OSError, ValueError):
        return {"": ""}  # nobody knows, so it is something else
    return found if isinstance(found, dict) else {"": ""}


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
