"""Which runs, and which parts of runs, can go. Nothing is changed; see ``engine.removing`` for that."""

from __future__ import annotations

import os
import time
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.errors import StateError
from dflow.engine.layout import RunLayout, is_backup, is_closed, is_run
from dflow.engine.lease import is_running
from dflow.engine.memo import holds
from dflow.engine.occupancy import Meter, leads_to, mentions
from dflow.engine.phase import Phase
from dflow.engine.process import hostname, start_time
from dflow.engine.records import record
from dflow.engine.state import read_phase, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["TRASH", "WHAT", "Choice", "Kept", "Plan", "Removal", "plan"]

WHAT = ("runs", "artifacts", "backups", "uploads", "cache")
TRASH = ".dflow-gc-"
_DAY = 86400.0
_OF_RUNS = frozenset({"runs", "artifacts", "backups"})
_FILES = ("inputs/artifacts", "outputs/artifacts", "workdir")


@record(frozen=True, slots=True)
class Choice:
    """What may go.

    Attributes:
        what: some of ``WHAT``.
        older: only what was last used so many seconds ago.
        phases: only runs of these phases; one that is not finished goes only when its phase is among them.
        keep_last: not the newest runs, so many.
        size: only the oldest runs, until all that are left fit into so many bytes.
        force: runs, too, that others refer to.
        uploads: the folder of uploads.
    """

    what: frozenset[str] = frozenset({"runs"})
    older: float | None = None
    phases: frozenset[str] | None = None
    keep_last: int = 0
    size: int | None = None
    force: bool = False
    uploads: Path | None = None


@record(frozen=True, slots=True)
class Removal:
    """Something that goes.

    Attributes:
        kind: ``run``, ``artifacts``, ``backup``, ``upload``, ``cache`` or ``leftover``.
        name: of it, for people.
        places: files and directories that go with all that is in them.
        size: bytes on the disk.
        why: a few words.
        run: the run that it is or is a part of; nobody may run it meanwhile.
    """

    kind: str
    name: str
    places: tuple[Path, ...]
    size: int
    why: str
    run: Path | None = None


@record(frozen=True, slots=True)
class Kept:
    """A run that was meant, and stays."""

    name: str
    why: str


@record(frozen=True, slots=True)
class Plan:
    """What goes, and what stays although it was meant."""

    folder: Path
    removals: tuple[Removal, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def size(self) -> int:
        """Bytes on the disk that become free."""
        return sum(removal.size for removal in self.removals)


@record(frozen=True, slots=True)
class _Run:
    """A run in the folder."""

    layout: RunLayout
    phase: str
    ended: float
    size: int = field(default=0)

    @property
    def id(self) -> str:
        return self.layout.id

    @property
    def is_finished(self) -> bool:
        return self.phase in {phase.value for phase in Phase if phase.is_final}


def plan(folder: Path, choice: Choice) -> Plan:
    """What there is in a folder of runs that may go. Nothing is changed.

    Raises:
        StateError: the folder cannot be read.
    """
    now, meter = time.time(), Meter()
    runs = _runs(folder)
    removals = list(_leftovers(folder, meter))
    closed = [Kept(entry.name, "cannot be looked into: it is another user's") for entry in _entries(folder, is_closed)]
    if choice.uploads is not None and choice.uploads != folder:
        removals += _leftovers(choice.uploads, meter)
    meant, kept = _meant(runs, choice, now) if _OF_RUNS & choice.what else ([], [])
    if "runs" in choice.what and choice.size is not None:
        sizes = {run.id: meter.size(run.layout.root) for run in runs}
        meant = _until_they_fit(meant, sizes, choice.size)
        meter = Meter()
    meant, held = _without_referred(meant, runs, choice)
    going = meant if "runs" in choice.what else []
    for run in going:
        why = f"{run.phase}, {_age(now - run.ended)} old"
        removals.append(Removal("run", run.id, (run.layout.root,), meter.size(run.layout.root), why, run.layout.root))
    for run in meant if "runs" not in choice.what else ():
        removals += _parts(run, choice, meter)
    gone = {run.id for run in going}
    if "uploads" in choice.what and choice.uploads is not None:
        left = [run for run in runs if run.id not in gone]
        removals += _unused_uploads(choice.uploads, left, choice.older, meter)
    if "cache" in choice.what:
        removals += _old_results(folder, choice.older, now, meter)
    return Plan(folder, tuple(removals), (*kept, *held, *closed))


def _runs(folder: Path) -> list[_Run]:
    """All runs, oldest first."""
    found = []
    for entry in _entries(folder, is_run):
        layout = RunLayout(entry)
        try:
            phase, ended = read_text(layout.status).strip(), layout.status.stat().st_mtime
        except OSError:
            phase, ended = "damaged", layout.graph.stat().st_mtime
        found.append(_Run(layout, phase, ended))
    return sorted(found, key=lambda run: (run.ended, run.id))


def _entries(folder: Path, fits: Callable[[Path], bool]) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".") and fits(entry))
    except OSError as exc:
        raise StateError(f"cannot look for runs in {folder}: {exc.strerror}") from exc


def _meant(runs: Sequence[_Run], choice: Choice, now: float) -> tuple[list[_Run], list[Kept]]:
    """The runs that the choice names, without those that never go."""
    meant, kept = [], []
    newest = {run.id for run in runs[max(0, len(runs) - choice.keep_last) :]} if choice.keep_last else set()
    for run in runs:
        named = choice.phases is not None and run.phase in choice.phases
        if (choice.phases is not None and not named) or run.id in newest:
            continue
        if choice.older is not None and now - run.ended < choice.older:
            continue
        if run.layout.root.is_symlink():
            kept.append(Kept(run.id, "is a link to another place"))
        elif is_running(run.layout):
            kept.append(Kept(run.id, "is running"))
        elif not run.is_finished and not named:
            kept.append(Kept(run.id, f"is not finished (goes with --phase {run.phase}; dflow resume {run.id})"))
        else:
            meant.append(run)
    return meant, kept


def _until_they_fit(meant: Sequence[_Run], sizes: dict[str, int], limit: int) -> list[_Run]:
    """The oldest runs, as many as must go."""
    total, going = sum(sizes.values()), []
    for run in meant:
        if total <= limit:
            break
        total -= sizes[run.id]
        going.append(run)
    return going


def _without_referred(meant: list[_Run], runs: Sequence[_Run], choice: Choice) -> tuple[list[_Run], list[Kept]]:
    """The runs to which nothing leads that stays, and the others."""
    if choice.force or not meant or not {"runs", "artifacts"} & choice.what:
        return meant, []
    by_place = {os.path.abspath(run.layout.root): run.id for run in runs}  # noqa: PTH100
    needs = {run.id: _needed(run, by_place, choice.uploads) for run in runs}
    going, kept = {run.id for run in meant}, {}
    todo = [run.id for run in runs if run.id not in going or "runs" not in choice.what]
    while todo:
        user = todo.pop()
        for run_id in needs[user] & going:
            going.discard(run_id)
            kept[run_id] = Kept(run_id, f"run {user} has outputs of it (goes with --force)")
            todo.append(run_id)
    return [run for run in meant if run.id in going], [kept[run.id] for run in meant if run.id in kept]


def _needed(run: _Run, by_place: dict[str, str], uploads: Path | None) -> set[str]:
    """The ids of the other runs to which links of a run lead, itself or by way of an upload, or that it will reuse."""
    parent = os.path.dirname(os.path.abspath(run.layout.root))  # noqa: PTH100, PTH120
    found: set[str] = set()
    goals = set(leads_to(run.layout.root))
    if uploads is not None:
        roots = {
            str(uploads / Path(goal).relative_to(uploads).parts[0]) for goal in goals if goal.startswith(f"{uploads}/")
        }
        goals.update(further for root in roots for further in leads_to(Path(root)))
    for goal in goals:
        if goal.startswith(f"{parent}/"):
            found.add(by_place.get(f"{parent}/{goal[len(parent) + 1 :].partition('/')[0]}", ""))
    if not run.is_finished:
        text = mentions(run.layout)
        found |= {run_id for run_id in by_place.values() if f"/{run_id}/" in text}
    return found - {"", run.id}


def _parts(run: _Run, choice: Choice, meter: Meter) -> Iterator[Removal]:
    """What goes of a run that stays."""
    steps = [entry for entry in sorted(run.layout.root.iterdir()) if entry.is_dir() and not entry.is_symlink()]
    if "backups" in choice.what:
        asides = tuple(s for s in steps if is_backup(s.name) and (s / "type").is_file() and s.with_suffix("").exists())
        trials = tuple(_trials(run.layout))
        if asides or trials:
            words = [f"{len(asides)} set aside, of attempts before"] if asides else []
            words += [f"{len(trials)} of dflow debug"] if trials else []
            size = sum(map(meter.size, (*asides, *trials)))
            yield Removal("backup", run.id, (*asides, *trials), size, ", ".join(words), run.layout.root)
    if "artifacts" in choice.what:
        phases = ((step, read_phase(run.layout.step(step.name))) for step in steps if not is_backup(step.name))
        ended = [step for step, phase in phases if phase is not None and phase.is_final]
        places = tuple(step / name for step in ended for name in _FILES)
        places = tuple(place for place in places if place.is_dir() and not place.is_symlink())
        if places:
            why = f"files of {len(ended)} steps; phases, parameters and logs stay"
            yield Removal("artifacts", run.id, places, sum(map(meter.size, places)), why, run.layout.root)


def _trials(layout: RunLayout) -> Iterator[Path]:
    """Directories in which steps were run again to look for faults, but for one where that may still go on."""
    base = layout.private / "debug"
    for entry in sorted(base.iterdir()) if base.is_dir() and not base.is_symlink() else ():
        phases = [(file, read_text(file).strip()) for file in entry.glob("*/*/phase")]
        is_new = any(time.time() - file.lstat().st_mtime < _DAY for file, phase in phases if phase == "Running")
        if entry.is_dir() and not entry.is_symlink() and not is_new:
            yield entry


def _unused_uploads(folder: Path, runs: Sequence[_Run], older: float | None, meter: Meter) -> Iterator[Removal]:
    """Uploads that no run refers to, and that are not just waiting for one."""
    least = _DAY if older is None else older
    now, root = time.time(), os.path.abspath(folder)  # noqa: PTH100
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    entries = [e for e in entries if e.is_dir() and not e.is_symlink() and now - e.lstat().st_mtime >= least]
    used: set[str] = set()
    texts = []
    for run in runs if entries else ():
        goals = (goal for goal in leads_to(run.layout.root) if goal.startswith(f"{root}/"))
        used |= {goal[len(root) + 1 :].partition("/")[0] for goal in goals}
        texts.append(mentions(run.layout))
    for entry in entries:
        if entry.name not in used and not any(entry.name in text for text in texts):
            why = f"no run in this folder refers to it, {_age(now - entry.lstat().st_mtime)} old"
            yield Removal("upload", entry.name, (entry,), meter.size(entry), why)


def _old_results(folder: Path, older: float | None, now: float, meter: Meter) -> Iterator[Removal]:
    cache = RunLayout(folder / "any").cache
    for entry in sorted(cache.glob("*.json")) if cache.is_dir() else ():
        age = now - entry.lstat().st_mtime
        if older is not None and age >= older:
            why = f"kept {_age(age)} ago"
        elif not holds(entry):
            why = "its files are gone or changed"
        else:
            continue
        yield Removal("cache", entry.stem, (entry,), meter.size(entry), why)


def _leftovers(folder: Path, meter: Meter) -> Iterator[Removal]:
    """What a cleaning has left that was killed."""
    for entry in sorted(folder.glob(f"{TRASH}*")) if folder.is_dir() else ():
        host, _, pid = entry.name.removeprefix(TRASH).rpartition("-")[0].rpartition("-")
        is_over = not _is_alive(pid) if host == hostname() else time.time() - entry.lstat().st_mtime > _DAY
        if entry.is_dir() and not entry.is_symlink() and is_over:
            yield Removal("leftover", entry.name, (entry,), meter.size(entry), "of a cleaning that was interrupted")


def _is_alive(pid: str) -> bool:
    return pid.isdecimal() and start_time(int(pid)) is not None


def _age(seconds: float) -> str:
    for size, unit in ((_DAY, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
