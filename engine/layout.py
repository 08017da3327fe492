"""Places in a run directory. Every path name that the engine uses is written here and nowhere else.

::

    <workflow id>/
    ├── status  type  pid
    ├── .dflow/  graph.json  settings.json  journal.jsonl  ops/  lib/  lease  slots  control/  reuse.json  store/
    │            lineage.jsonl  runner.log
    └── <key>  or  <id>-<step name>-<hash>/
        ├── phase  type  script  log.txt  .step
        ├── inputs/{parameters,artifacts}/NAME
        ├── outputs/{parameters,artifacts}/NAME  and  outputs/result  of a step whose standard output is asked for
        ├── workflows/  of a step that submits some
        └── workdir/
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunLayout", "StepLayout", "is_backup", "is_closed", "is_run"]

PHASE, TYPE, RECORD, SCRIPT, WORKDIR = "phase", "type", ".step", "script", "workdir"
INPUTS, INPUT_PARAMETERS, OUTPUT_PARAMETERS = "inputs", "inputs/parameters", "outputs/parameters"
RESERVED = frozenset({"status", "type", "pid", ".dflow"})
_BACKUP = re.compile(r"\.bk\d+\Z")


class RunLayout:
    """Where things are in the directory of one workflow."""

    __slots__ = ("private", "root")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private = root / ".dflow"

    @property
    def id(self) -> str:
        """The workflow's id: the directory's name."""
        return self.root.name

    @property
    def status(self) -> Path:
        """The workflow's phase, one word."""
        return self.root / "status"

    @property
    def type(self) -> Path:
        """The kind of the entry template: Steps or DAG."""
        return self.root / "type"

    @property
    def pid(self) -> Path:
        """The process that runs or last ran the workflow."""
        return self.root / "pid"

    @property
    def graph(self) -> Path:
        """The compiled workflow."""
        return self.private / "graph.json"

    @property
    def settings(self) -> Path:
        """How this run is run: copy methods, limits, module path."""
        return self.private / "settings.json"

    @property
    def journal(self) -> Path:
        """One JSON line for each event."""
        return self.private / "journal.jsonl"

    @property
    def ops(self) -> Path:
        """What the runtime needs to know of each OP."""
        return self.private / "ops"

    @property
    def lib(self) -> Path:
        """Put on the module path of steps, so that ``import dflow`` works there."""
        return self.private / "lib"

    @property
    def lease(self) -> Path:
        """Which process runs the workflow now."""
        return self.private / "lease"

    @property
    def control(self) -> Path:
        """Requests of other processes."""
        return self.private / "control"

    @property
    def reuse(self) -> Path:
        """Outputs of other runs that steps of the same key take."""
        return self.private / "reuse.json"

    @property
    def attempts(self) -> Path:
        """How far Steps and DAGs are that are tried again, a file for each."""
        return self.private / "attempts"

    @property
    def store(self) -> Path:
        """What steps keep under a key, for artifacts that name this key."""
        return self.private / "store"

    @property
    def cache(self) -> Path:
        """Outputs that are kept under a ``memoize_key``, shared by the runs beside this one."""
        return self.root.parent / ".dflow-cache"

    @property
    def slots(self) -> Path:
        """How many leaf steps may run at once; each holds a lock on one byte, see ``engine.slots``."""
        return self.private / "slots"

    @property
    def client(self) -> Path:
        """How the client of a catalogue is found that is told of the run."""
        return self.ops / "_lineage.json"

    @property
    def lineage(self) -> Path:
        """What a catalogue was told of the run, one JSON line for the workflow and one for each step."""
        return self.private / "lineage.jsonl"

    @property
    def observers(self) -> Path:
        """The import paths of who is told what happens in the run, whoever runs it."""
        return self.private / "observers.json"

    @property
    def suspended(self) -> Path:
        """There while the workflow starts no new steps."""
        return self.private / "suspended"

    @property
    def runner_log(self) -> Path:
        """What a detached runner prints."""
        return self.private / "runner.log"

    def step(self, name: str) -> StepLayout:
        """The step directory of that name."""
        return StepLayout(self.root / name)


class StepLayout:
    """Where things are in the directory of one step."""

    __slots__ = ("root", "text")

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = str(root)

    def file(self, name: str) -> str:
        """The path of one of the names below as a text, for what is done a thousand times a second."""
        return f"{self.text}/{name}"

    @property
    def phase(self) -> Path:
        """The phase, one word; written last, it is the commit."""
        return self.root / PHASE

    @property
    def type(self) -> Path:
        """Pod, Steps or DAG."""
        return self.root / TYPE

    @property
    def record(self) -> Path:
        """All else that is known of the step, as JSON."""
        return self.root / RECORD

    @property
    def script(self) -> Path:
        """Re-runs exactly this step by hand."""
        return self.root / SCRIPT

    @property
    def log(self) -> Path:
        """Standard output and standard error as they come."""
        return self.root / "log.txt"

    @property
    def stdout(self) -> Path:
        """Standard output alone, while a step runs whose ``outputs.result`` it is."""
        return self.root / ".stdout"

    @property
    def result(self) -> Path:
        """The ``outputs.result`` of a step that has one."""
        return self.root / "outputs" / "result"

    @property
    def error(self) -> Path:
        """Left by the runtime when an OP fails: why, as JSON."""
        return self.root / ".error"

    @property
    def asked(self) -> Path:
        """What the job of a scheduler was made from, see ``engine.fingerprint``: another engine may go on with it."""
        return self.root / ".asked"

    @property
    def object(self) -> Path:
        """Which object of a cluster the step has made, and how it looked when it was last seen."""
        return self.root / ".object"

    @property
    def slices(self) -> Path:
        """Which elements a group of slices has, for the runtime."""
        return self.root / ".slices"

    @property
    def missing(self) -> Path:
        """Left by the runtime: the indices of a group's elements that failed, as a JSON list."""
        return self.root / ".missing"

    @property
    def lineage(self) -> Path:
        """Left by the runtime: which outputs the OP wants to have registered, as JSON."""
        return self.root / ".lineage"

    @property
    def progress(self) -> Path:
        """How far an OP is, as ``N/M``."""
        return self.root / ".progress"

    @property
    def workdir(self) -> Path:
        """The working directory of the program."""
        return self.root / WORKDIR

    @property
    def runs(self) -> Path:
        """The workflows that the step itself has submitted; they stay when the step is run again."""
        return self.root / "workflows"

    @property
    def input_parameters(self) -> Path:
        """One file for each input parameter."""
        return self.root / INPUT_PARAMETERS

    @property
    def input_artifacts(self) -> Path:
        """One link, file or directory for each input artifact."""
        return self.root / "inputs" / "artifacts"

    @property
    def output_parameters(self) -> Path:
        """One file for each output parameter."""
        return self.root / OUTPUT_PARAMETERS

    @property
    def output_artifacts(self) -> Path:
        """One link, file or directory for each output artifact."""
        return self.root / "outputs" / "artifacts"

    def declared(self, path: str) -> Path:
        """Where a path that a template declares lies in this step.

        An absolute path ``/tmp/foo.txt`` becomes ``workdir/tmp/foo.txt``, so parallel steps never meet; a
        relative one is relative to the working directory.
        """
        return self.workdir / path.lstrip("/")

    def backup(self) -> Path:
        """The next free name for an unfinished directory that is set aside."""
        number = 1
        while (aside := self.root.with_name(f"{self.root.name}.bk{number}")).exists():
            number += 1
        return aside

    def backups(self) -> list[StepLayout]:
        """The directories that were set aside, newest first."""
        number, found = 1, []
        while (aside := self.root.with_name(f"{self.root.name}.bk{number}")).exists():
            found.append(StepLayout(aside))
            number += 1
        return found[::-1]


def is_run(path: Path) -> bool:
    """Whether ``path`` is the directory of a workflow that this user may look into."""
    return os.path.isfile(RunLayout(path).graph)  # noqa: PTH113 - that of Path raises where it may not look


def is_closed(path: Path) -> bool:
    """Whether ``path`` is the directory of a workflow, as far as can be told, that is for another user alone."""
    private = RunLayout(path).private
    try:
        return private.is_dir() and not os.access(private, os.R_OK | os.X_OK)
    except OSError:
        return False  # not even that can be told


def is_backup(name: str) -> bool:
    """Whether a directory of that name was set aside."""
    return _BACKUP.search(name) is not None
