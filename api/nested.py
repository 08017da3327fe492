"""Workflows that are submitted inside a running step: their ids, and where they lie.

Such a run has an id that follows from the step, and lies in the directory of the step, which keeps it when the step is
run again. So an attempt that was interrupted is gone on with, and nothing that has finished is done twice.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.config import config
from dflow.engine.layout import RunLayout, StepLayout, is_run
from dflow.engine.process import STEP_VARIABLE
from dflow.engine.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["enclosing_step", "find_run", "folder", "next_id", "shared_slots"]

_submitted: Counter[tuple[int, int, str, str]] = Counter()


def enclosing_step() -> StepLayout | None:
    """The step that this process works for; None outside of steps."""
    around = list(_steps_around())
    return around[-1] if around else None


def folder() -> Path:
    """Where new runs are made: in the step that this process works for, else ``config["debug_workdir"]``.

    A step that sets ``config["debug_workdir"]`` itself, to an absolute path, has its runs there.
    """
    step, chosen = enclosing_step(), str(config["debug_workdir"])
    own = os.path.isabs(chosen) and chosen != os.environ.get("DFLOW_DEBUG_WORKDIR")
    return Path(chosen).absolute() if step is None or own else step.runs


def next_id(name: str) -> str | None:
    """The id of the next run of a workflow of this name, the same whenever the step is run; None outside of steps."""
    step = enclosing_step()
    if step is None:
        return None
    made = os.stat(step.root)  # a new attempt has a new directory, and counts anew
    element = os.environ.get("DFLOW_SLICE", "")
    _submitted[made.st_dev, made.st_ino, element, name] += 1
    number = _submitted[made.st_dev, made.st_ino, element, name]
    who = "\0".join((step.root.parent.name, step.root.name, element, name, str(number)))
    return f"{name}-{hashlib.sha256(who.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def find_run(name: str) -> RunLayout | None:
    """The run of an id, in this step or in ``config["debug_workdir"]``."""
    for place in (folder(), Path(str(config["debug_workdir"])).absolute()):
        if is_run(place / name):
            return RunLayout(place / name)
    return None


def shared_slots() -> Slots | None:
    """The places for leaf steps that a run in this step shares with the runs around it."""
    around = next(_steps_around(), None)
    return None if around is None else Slots.share(RunLayout(around.root.parent))


def _steps_around() -> Iterator[StepLayout]:
    for path in os.environ.get(STEP_VARIABLE, "").split(os.pathsep):
        if path and os.path.isfile(os.path.join(path, "phase")):
            yield StepLayout(Path(path))
