"""Names and places in a run directory. Every path name that the engine uses is written here and nowhere else.

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
    from collections.abc import Container
    from pathlib import Path

__all__ = [
    "RunLayout",
    "StepLayout",
    "fnv1a",
    "is_backup",
    "is_closed",
    "is_dynamic_key",
    "is_key",
    "is_run",
    "name_of_key",
    "name_step_directory",
    "node_id",
]

PHASE, TYPE, RECORD, SCRIPT, WORKDIR = "phase", "type", ".step", "script", "workdir"
INPUTS, INPUT_PARAMETERS, OUTPUT_PARAMETERS = "inputs", "inputs/parameters", "outputs/parameters"
RESERVED = frozenset({"status", "type", "pid", ".dflow"})
_BACKUP = re.compile(r"\.bk\d+\Z")
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_PLAIN = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]*\Z")
_NOT_PLAIN = re.compile(r"[^-A-Za-z0-9._]+")
_MAX_KEY = 253
_MAX_STEM = 200  # bytes; a hash and .bk1000 follow, and file names have at most 255
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


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


def is_key(text: str) -> bool:
    """Whether a text can be the key of a step: a lower-case RFC 1123 subdomain, as Kubernetes has it."""
    return len(text) <= _MAX_KEY and _SUBDOMAIN.match(text) is not None


def is_dynamic_key(text: str) -> bool:
    """Whether a text can be a key that is known only when its step starts: printable, with an end."""
    return 0 < len(text) <= _MAX_KEY and text.isprintable()


def name_of_key(key: str) -> str:
    """A file name for a key: itself, where it is one; else with a hash in place of what the name leaves out."""
    if _PLAIN.match(key):
        return key
    return f"{_NOT_PLAIN.sub('-', key).strip('-.') or 'key'}-{_base36(fnv1a(key))[-5:]}"


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash of a text's UTF-8 bytes, with which Argo makes node ids."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def node_id(workflow_id: str, node_name: str) -> str:
    """Argo's node id: the workflow's for the root, else ``<workflow id>-<hash of the node name>``."""
    return workflow_id if node_name == workflow_id else f"{workflow_id}-{fnv1a(node_name)}"


def name_step_directory(
    workflow_id: str, step_name: str, node_name: str, key: str | None, taken: Container[str]
) -> str:
    """The directory name of a node: its key, or ``<workflow id>-<step name>-<hash>``.

    A key that is reserved, looks like a set-aside directory or is taken gets ``-<hash>``; so does, with more of
    the hash, anything else that is taken.
    """
    digest = fnv1a(node_name)
    if key is not None and len(key) <= _MAX_STEM and not (key in RESERVED or _BACKUP.search(key) or key in taken):
        return key
    stem = (f"{workflow_id}-{step_name}" if key is None else key)[:_MAX_STEM].rstrip("-.")
    name = f"{stem}-{_base36(digest)[-5:]}"
    extra = 0
    while name in taken:
        extra += 1
        name = f"{stem}-{_base36(digest)}{_base36(fnv1a(f'{node_name}#{extra}'))}"
    return name


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _BASE36[rest] + digits
    return digits.rjust(5, "0")
