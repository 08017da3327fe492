"""Run the jobs under the interpreters in turn, and reduce the runs to medians."""

from __future__ import annotations

import itertools
import json
import statistics
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from harness import process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.interpreters import Interpreter
    from harness.plan import Job


@dataclass(frozen=True)
class Sample:
    """One run: seconds of the workflow (of the process, where there is none), and what it left on disk per step."""

    wall: float
    process_wall: float
    cpu: float
    files: float = 0
    directories: float = 0
    links: float = 0

    @property
    def entries(self) -> float:
        """Files, directories and links per step."""
        return self.files + self.directories + self.links


@dataclass(frozen=True)
class Cell:
    """What one interpreter did with one job.

    Attributes:
        samples: the runs that succeeded.
        failures: one message for each that did not.
        limit: the time limit, when one was stopped there.
    """

    samples: tuple[Sample, ...] = ()
    failures: tuple[str, ...] = ()
    limit: float | None = None

    def median(self, name: str) -> float | None:
        """The median of a field of the samples, None without any."""
        return statistics.median(getattr(sample, name) for sample in self.samples) if self.samples else None

    def medians(self) -> dict[str, float | None]:
        """The medians of all fields."""
        return {field.name: self.median(field.name) for field in fields(Sample)}

    def value(self, job: Job) -> float | None:
        """The number that the job compares."""
        return self.median({"process": "process_wall", "workflow": "wall", "entries": "entries"}[job.quantity])


class Bench:
    """Runs jobs in fresh folders under `parent`; nothing there is deleted, because ext4 is slow after deletions."""

    def __init__(self, interpreters: Sequence[Interpreter], parent: Path) -> None:
        self.interpreters = interpreters
        self.parent = parent
        self.numbers = itertools.count()
        self.stopped: set[tuple[str, str, str]] = set()  # (interpreter, case, op) that reached a limit: no larger size

    def warm_up(self, arguments: Sequence[str], limit: float) -> None:
        """One run each that does not count: it writes byte code and fills the page cache."""
        for interpreter in self.interpreters:
            self.start(interpreter, arguments, limit)

    def start(self, interpreter: Interpreter, arguments: Sequence[str], limit: float) -> process.Finished:
        """One process in the next folder."""
        folder = self.parent / f"{next(self.numbers):04d}-{interpreter.label}"
        return process.run(interpreter, arguments, folder=folder, limit=limit)

    def measure(self, job: Job) -> dict[str, Cell]:
        """The cells of a job by interpreter: first run of each, second run of each, and so on."""
        cells = {i.label: Cell() for i in self.interpreters if job.upstream or i.label == "ours"}
        for _ in range(job.repetitions):
            for interpreter in self.interpreters:
                label = interpreter.label
                if label in cells and (label, job.case, job.label.split()[-1]) not in self.stopped:
                    cells[label] = self.add_run(interpreter, job, cells[label])
        return cells

    def add_run(self, interpreter: Interpreter, job: Job, cell: Cell) -> Cell:
        """The cell with one more run."""
        done = self.start(interpreter, job.arguments, job.limit)
        if done.status is None:
            self.stopped.add((interpreter.label, job.case, job.label.split()[-1]))
            return Cell(cell.samples, cell.failures, job.limit)
        result = last_json(done.stdout)
        if done.status != 0 or (job.steps and result.get("status") != "Succeeded"):
            return Cell(cell.samples, (*cell.failures, failure(done, result)), cell.limit)
        entries = {kind: float(result.get(kind, 0)) for kind in ("files", "directories", "links")}
        sample = Sample(float(result.get("wall", done.wall)), done.wall, done.cpu, **entries)
        return Cell((*cell.samples, sample), cell.failures, cell.limit)


def last_json(text: str) -> dict[str, Any]:
    """The JSON object on the last line that holds one: the engines print lines of their own."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            result: dict[str, Any] = json.loads(line)
            return result
    return {}


def failure(done: process.Finished, result: dict[str, Any]) -> str:
    """One line that says why a run does not count."""
    lines = done.stderr.strip().splitlines() or ["no message"]
    return f"exit status {done.status}, workflow {result.get('status', 'not run')}: {lines[-1][:200]}"
