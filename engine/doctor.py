"""Looking a run directory over: what is wrong with it, and what a resume would do about that. Nothing is changed."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from dflow.engine.control import pending_requests
from dflow.engine.doctor_steps import Finding, examine_journal, examine_steps
from dflow.engine.errors import DflowError
from dflow.engine.lease import held_by, holder, is_here, is_running, silence
from dflow.engine.model import PythonOpTemplate
from dflow.engine.phase import Phase
from dflow.engine.process import step_processes
from dflow.engine.records import record
from dflow.engine.run_directory import load_graph
from dflow.engine.settings import load_settings
from dflow.engine.state import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph

__all__ = ["Examination", "Finding", "examine"]

_SPACE = 100 * 2**20
_INODES = 1000
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MANY = 5


@record(frozen=True, slots=True)
class Examination:
    """What there is in a run directory.

    Attributes:
        findings: what is wrong, and what is merely worth knowing.
        kept: finished leaf steps that a resume keeps.
        failed: those among them that ended Failed or Error; a retry runs them again.
        again: step directories that a resume sets aside, to run their steps again.
        files: files and directories in the run directory.
    """

    findings: tuple[Finding, ...]
    kept: int
    failed: int
    again: int
    files: int

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self.findings)


def examine(layout: RunLayout) -> Examination:
    """Look a run directory over. Runs of its steps are directories of their own, see ``STEP/workflows/``."""
    live = is_running(layout)
    found: list[Finding] = []
    graph = None
    try:
        graph = load_graph(layout)
    except (DflowError, ValueError, KeyError, TypeError) as exc:
        found.append(_wrong(".dflow/graph.json", f"the workflow cannot be read: {exc}", _NO_GRAPH))
    found += _settings(layout)
    found += [] if graph is None else _ops(layout, graph)
    found += _status(layout, live=live)
    found += _lease(layout)
    found += _processes(layout, live=live)
    found += _requests(layout, live=live)
    found += _modes(layout, graph)
    found += _space(layout)
    steps = examine_steps(layout, live=live)
    found += steps.findings
    found += examine_journal(layout, steps)
    return Examination(tuple(found), steps.kept, steps.failed, steps.again, _count(str(layout.root)))


_NO_GRAPH = "restore it from a copy; without it nothing can be resumed"


def _wrong(place: str, problem: str, remedy: str) -> Finding:
    return Finding(place, problem, remedy)


def _note(place: str, problem: str, remedy: str = "") -> Finding:
    return Finding(place, problem, remedy, wrong=False)


def _settings(layout: RunLayout) -> Iterator[Finding]:
    name = ".dflow/settings.json"
    try:
        settings = load_settings(layout.settings)
    except DflowError as exc:
        yield _wrong(name, str(exc), "restore it from a copy, or submit the script again with the same id")
        return
    if not os.access(settings.python, os.X_OK):
        yield _wrong(name, f"there is no interpreter {settings.python} any more", "its Python OPs will fail")
    for link in sorted(layout.lib.iterdir()) if layout.lib.is_dir() else []:
        if not link.exists():
            goal = link.readlink() if link.is_symlink() else link
            yield _wrong(f".dflow/lib/{link.name}", f"leads to {goal}, which is gone", "steps cannot import it")


def _ops(layout: RunLayout, graph: WorkflowGraph) -> Iterator[Finding]:
    for template in graph.templates:
        if isinstance(template, PythonOpTemplate):
            file = layout.ops / f"{template.name}.json"
            try:
                good = "op" in json.loads(read_text(file))
            except (OSError, ValueError, TypeError):
                good = False
            if not good:
                remedy = "its steps will fail; submit the script again with the same id to write it anew"
                yield _wrong(f".dflow/ops/{file.name}", "is missing or damaged", remedy)


def _status(layout: RunLayout, *, live: bool) -> Iterator[Finding]:
    try:
        text = read_text(layout.status).strip()
        phase = Phase(text)
    except (OSError, ValueError):
        yield _wrong("status", "is missing or no phase", "a resume writes it anew")
        return
    if phase in (Phase.RUNNING, Phase.PENDING) and not live:
        yield _wrong("status", f"says {phase}, but no process runs the workflow", "a resume goes on with it")
    if phase is Phase.ERROR:
        yield _note("status", "says Error: a step ended so, or the run directory could not be written")


def _lease(layout: RunLayout) -> Iterator[Finding]:
    name, current = ".dflow/lease", holder(layout)
    if current is None:
        if layout.lease.exists():
            yield _wrong(name, "is damaged", "a resume replaces it")
    elif is_here(current):
        if is_running(layout):
            yield _note(name, held_by(layout, current))
        else:
            yield _wrong(name, f"is of process {current.get('pid')}, which is gone", "a resume takes it over")
    else:
        make = _note if silence(layout) is None else _wrong
        text, _, advice = held_by(layout, current).partition("; ")
        yield make(name, text, advice)


def _processes(layout: RunLayout, *, live: bool) -> Iterator[Finding]:
    pids = [] if live else step_processes(layout.root)
    if pids:
        some = ", ".join(map(str, pids[:_MANY])) + (" …" if len(pids) > _MANY else "")
        yield _wrong("", f"processes of its steps are left over: {some}", "a resume ends them first")


def _requests(layout: RunLayout, *, live: bool) -> Iterator[Finding]:
    verbs = pending_requests(layout)
    if verbs:
        advice = "its runner takes them within a second" if live else "a resume drops them"
        yield _note(".dflow/control", f"requests wait: {', '.join(verbs)}", advice)
    if layout.suspended.exists():
        yield _note(".dflow/suspended", "the workflow is suspended", "a resume takes that back")


def _modes(layout: RunLayout, graph: WorkflowGraph | None) -> Iterator[Finding]:
    """Who else can read or change what is the engine's own."""
    private = layout.private.stat()
    if stat.S_IMODE(private.st_mode) & 0o077:
        yield _wrong(".dflow", f"has mode {stat.S_IMODE(private.st_mode):04o}", f"chmod 0700 '{layout.private}'")
    templates = graph.templates if graph is not None else ()
    pickled = [t for t in templates if isinstance(t, PythonOpTemplate) and t.op.kind == "pickle"]
    refused = "its pickled OPs are refused; if it is yours: chmod go-w '{}'"
    for place in (layout.root, layout.ops):
        if pickled and _others_can_write(place):
            yield _wrong(_name(layout, place), "can be written by others", refused.format(place))
    for template in pickled:
        file = layout.ops / f"{template.name}.json"
        if _others_can_write(file):
            yield _wrong(_name(layout, file), "can be written by others", refused.format(file))
    if not os.access(layout.root, os.W_OK | os.X_OK):
        yield _wrong("", "this user cannot write in the run directory", "a resume fails; check its owner and mode")


def _name(layout: RunLayout, place: Path) -> str:
    return "" if place == layout.root else str(place.relative_to(layout.root))


def _others_can_write(place: Path) -> bool:
    try:
        found = place.stat()
    except OSError:
        return False
    return found.st_uid not in (os.geteuid(), 0) or bool(found.st_mode & _OTHERS)


def _space(layout: RunLayout) -> Iterator[Finding]:
    found = os.statvfs(layout.root)
    space = found.f_bavail * found.f_frsize
    if space < _SPACE:
        yield _wrong("", f"only {space / 2**20:.0f} MB are free on its file system", "free some space")
    if found.f_files and found.f_favail < _INODES:
        yield _wrong("", f"only {found.f_favail} more files fit on its file system", "delete some files")


def _count(root: str) -> int:
    """Files and directories below a directory; links are not followed, and what cannot be read counts as one."""
    number, rest = 0, [root]
    while rest:
        try:
            entries = list(os.scandir(rest.pop()))
        except OSError:
            continue
        number += len(entries)
        rest.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    return number
