"""What jobs say that they have used, where the engine is not the parent of their processes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from dflow.engine.ports import Usage

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.ports import Job

__all__ = ["USAGE", "cpu_of", "taken_usage", "usage_of", "with_usage"]

USAGE = ".usage"
"""The file in the directory of a step in which the runtime of a Python OP leaves what it has used, for a moment."""
_VARIABLE = "DFLOW_USAGE"
_SAID = re.compile(r"([0-9]+(?:\.[0-9]+)?) ([0-9]+)")
_SPENT = re.compile(r"(\d+)m(\d+(?:[.,]\d+)?)s")


def with_usage(job: Job, step: Path) -> Job:
    """A job whose runtime, if it is a Python OP, says what it has used."""
    if job.runtime is None:
        return job
    place = {_VARIABLE: str(step / USAGE)}
    return replace(job, env={**job.env, **place}, own_env={**job.own_env, **place})


def usage_of(text: str) -> Usage | None:
    """What a runtime says: seconds and bytes; None for anything else."""
    found = _SAID.fullmatch(text.strip())
    return None if found is None else Usage(float(found[1]), int(found[2]))


def taken_usage(step: Path) -> Usage | None:
    """What the runtime has left in a step's directory, which is not needed there any more."""
    try:
        text = (step / USAGE).read_text(encoding="ascii", errors="replace")
        (step / USAGE).unlink()
    except OSError:
        return None
    return usage_of(text)


def cpu_of(times: str) -> Usage | None:
    """What a shell says with ``times`` of its children: ``0m1.50s 0m0.02s``; None for anything else."""
    found = _SPENT.findall(times)
    seconds = sum(60 * int(minutes) + float(rest.replace(",", ".")) for minutes, rest in found)
    return Usage(seconds) if found else None
