"""Run the jobs under the contenders in turn, and reduce the runs to medians."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness import process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.interpreters import Interpreter
    from harness.plan import Job

LONG = 30.0  # seconds: who needs more for a run makes no second one


@dataclass(frozen=True)
class Cell:
    """What one contender did with one job.

    Attributes:
        samples: the values of the runs that succeeded: seconds, MB, or numbers per step.
        failures: one message for each that did not.
        limit: the time limit, when a run was stopped there.
        skipped: why there is no run, "" when there is.
    """

    samples: tuple[dict[str, float], ...] = ()
    failures: tuple[str, ...] = ()
    limit: float | None = None
    skipped: str = ""

    def median(self, name: str) -> float | None:
        """The median of a value of the samples, None without any."""
        values = [sample[name] for sample in self.samples if name in sample]
        return statistics.median(values) if values else None

    def medians(self) -> dict[str, float | None]:
        """The medians of all values."""
        return {name: self.median(name) for sample in self.samples[:1] for name in sample}

    def is_over(self) -> bool:
        """Whether no further run is wanted."""
        return bool(self.limit or self.skipped or (self.median("process_wall") or 0) > LONG)


class Bench:
    """Runs jobs in fresh folders under `parent`; nothing there is deleted, because ext4 is slow after deletions."""

    def __init__(self, interpreters: Sequence[Interpreter], parent: Path) -> None:
        self.interpreters = {interpreter.label: interpreter for interpreter in interpreters}
        self.parent = parent
        self.numbers = itertools.count()
        self.stopped: set[tuple[str, ...]] = set()  # contender, case, script, options: reached a limit, no larger size

    def warm_up(self, arguments: Sequence[str], limit: float) -> None:
        """One run each that does not count: it writes byte code and fills the page cache."""
        for interpreter in self.interpreters.values():
            process.run(interpreter, arguments, folder=self.folder(interpreter.label), limit=limit)

    def folder(self, label: str) -> Path:
        """A new place for a run."""
        return self.parent / f"{next(self.numbers):04d}-{label}"

    def measure(self, job: Job) -> dict[str, Cell]:
        """The cells of a job by contender: first run of each, second run of each, and so on."""
        cells = {label: Cell() for label in job.contenders if label in self.interpreters}
        for _ in range(job.repetitions):
            for label, cell in cells.items():
                if not cell.is_over() and kind(label, job) not in self.stopped:
                    cells[label] = self.add_run(label, job, cell)
        return cells

    def add_run(self, label: str, job: Job, cell: Cell) -> Cell:
        """The cell with one more run."""
        done = process.run(
            self.interpreters[label],
            job.command(label),
            folder=self.folder(label),
            limit=job.limit,
            memory=job.memory,
        )
        if done.status is None:
            self.stopped.add(kind(label, job))
            return replace(cell, limit=job.limit)
        result = last_json(done.stdout)
        status = result.pop("status", "not run")
        if status == "skipped":
            return replace(cell, skipped=result["reason"])
        if done.status != 0 or (job.steps and status != "Succeeded"):
            return replace(cell, failures=(*cell.failures, failure(done, status)))
        return replace(cell, samples=(*cell.samples, values(done, result)))


def kind(label: str, job: Job) -> tuple[str, ...]:
    """What runs of different sizes have in common."""
    return (label, job.case, *job.label.split()[1:])


def values(done: process.Finished, result: dict[str, float]) -> dict[str, float]:
    """What is known of a run: the values of its JSON line, and those of the process.

    `cpu` is of all processes, from submit() on: without the start of the script and the check of its result.
    """
    cpu = result.get("cpu", done.cpu - result.get("uncounted_cpu", 0))
    process_values = {"process_wall": done.wall, "process_cpu": done.cpu}
    return {"wall": done.wall} | result | process_values | done.memory | {"cpu": cpu}


def last_json(text: str) -> dict[str, Any]:
    """The JSON object on the last line that holds one: the engines print lines of their own."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            result: dict[str, Any] = json.loads(line)
            return result
    return {}


def failure(done: process.Finished, status: str) -> str:
    """One line that says why a run does not count."""
    lines = done.stderr.strip().splitlines() or ["no message"]
    return f"exit status {done.status}, workflow {status}: {lines[-1][:200]}"
