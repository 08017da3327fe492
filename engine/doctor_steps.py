"""Looking over the step directories and the journal of a run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.layout import is_backup
from dflow.engine.moving import absolute
from dflow.engine.phase import Phase
from dflow.engine.records import record
from dflow.engine.resume import changed_artifacts
from dflow.engine.state import read_record, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout, StepLayout

__all__ = ["Finding", "Steps", "examine_journal", "examine_steps"]

_AGAIN = "a resume sets it aside as .bk and runs the step again"
_DEEP = 1000
_MANY = 5


@record(frozen=True, slots=True)
class Finding:
    """One thing about a run directory.

    Attributes:
        place: a path in it; empty for the run directory as a whole.
        problem: what is the matter.
        remedy: what a resume does about it, or what to do.
        wrong: whether it is wrong, or merely worth knowing.
    """

    place: str
    problem: str
    remedy: str = ""
    wrong: bool = True


@dataclass(slots=True)
class Steps:
    """What the step directories of a run are.

    Attributes:
        finished: phases of finished leaf steps, by node name.
        kept, failed, again: see ``engine.doctor.Examination``.
    """

    findings: list[Finding] = field(default_factory=list)
    finished: dict[str, str] = field(default_factory=dict)
    kept: int = 0
    failed: int = 0
    again: int = 0


def examine_steps(layout: RunLayout, *, live: bool) -> Steps:
    """Look at every step directory.

    Args:
        live: the workflow runs, so unfinished steps are nothing special.
    """
    steps = Steps()
    backups = 0
    for entry in sorted(os.scandir(layout.root), key=lambda entry: entry.name):
        if not entry.is_dir(follow_symlinks=False) or entry.name == layout.private.name:
            continue
        if is_backup(entry.name):
            backups += 1
        elif not _is_of_a_loop(Path(entry.path)):
            _examine(layout, layout.step(entry.name), steps, live=live)
    if backups:
        text = f"{backups} directories of earlier attempts are kept aside as .bk1 …"
        steps.findings.append(Finding("", text, "delete them when nobody needs them", wrong=False))
    return steps


def _is_of_a_loop(path: Path) -> bool:
    """Whether a directory holds nothing but the gathered outputs of a loop."""
    return [entry.name for entry in path.iterdir()] == ["outputs"]


def _examine(layout: RunLayout, step: StepLayout, steps: Steps, *, live: bool) -> None:
    name = step.root.name
    problem, phase = _phase(step)
    record = read_record(step)
    if phase is not None and phase.is_final:
        if record is None:
            problem = "its .step is missing or damaged"
        elif record.get("dir") != name:
            problem = f"its .step is of the directory {record.get('dir')}"
    if problem is not None:
        if not live or (phase is None and not step.type.exists()) or (phase is not None and phase.is_final):
            steps.findings.append(Finding(name, problem, _AGAIN))
            steps.again += 1
        return
    if record is None or phase is None or record.get("type") != "Pod":
        return
    gone = list(_outputs(layout, step, record, phase))
    steps.findings.extend(gone)
    if any(finding.remedy == _AGAIN for finding in gone):
        steps.again += 1
        return
    steps.finished[str(record.get("name"))] = phase.value
    steps.kept += 1
    steps.failed += phase.is_failure


def _phase(step: StepLayout) -> tuple[str | None, Phase | None]:
    """What is the matter with the phase of a step, and the phase."""
    try:
        text = read_text(step.phase).strip()
    except FileNotFoundError:
        return "it has no phase: its step was interrupted", None
    except OSError as exc:
        return f"its phase cannot be read: {exc.strerror}", None
    try:
        phase = Phase(text)
    except ValueError:
        return f"its phase is {text[:40]!r}, which is none", None
    return (None if phase.is_final else f"its step was interrupted ({phase})"), phase


def _outputs(layout: RunLayout, step: StepLayout, record: dict[str, Any], phase: Phase) -> Iterator[Finding]:
    """Outputs of a finished step that vanished or changed since it was committed."""
    outputs = record.get("outputs")
    committed = step.phase.stat().st_mtime_ns
    remedy = f"a resume uses it as it is now; to make it anew: dflow retry {layout.id} --step {step.root.name}"
    if record.get("key") is None:
        remedy = remedy.replace(f"--step {step.root.name}", f"--step {record.get('id')}")
    parts = outputs if isinstance(outputs, dict) else {}
    for name, fields in dict(parts.get("parameters") or {}).items():
        file, place = step.output_parameters / name, f"{step.root.name}/outputs/parameters/{name}"
        if isinstance(fields, dict) and "value" in fields:
            continue
        if not file.exists():
            yield Finding(place, "has vanished", _AGAIN if phase is Phase.SUCCEEDED else "")
        elif file.stat().st_mtime_ns > committed:
            yield Finding(place, "was changed after the step had ended", remedy)
    changed = dict(changed_artifacts(layout, record))
    for name, fields in dict(parts.get("artifacts") or {}).items():
        place = f"{step.root.name}/outputs/artifacts/{name}"
        text, path = changed.get(name), Path(absolute(fields["path"], str(layout.root)))
        if text is None and (file_name := _newer(path, committed)) is not None:
            text = f"was changed: {file_name} is newer than the end of the step"
        if text is not None:
            lost = not path.exists()
            yield Finding(place, text, _AGAIN if lost and phase is Phase.SUCCEEDED else remedy)


def _newer(path: Path, committed: int) -> str | None:
    """A file of an artifact that was changed after a time; None when there is none among the first thousand."""
    if not path.is_dir():
        return None
    seen = 0
    for folder, _, names in os.walk(path, followlinks=True):
        for name in names:
            file = Path(folder, name)
            seen += 1
            if seen > _DEEP:
                return None
            if file.exists() and file.stat().st_mtime_ns > committed:
                return str(file.relative_to(path))
    return None


def examine_journal(layout: RunLayout, steps: Steps) -> Iterator[Finding]:
    """Lines of the journal that cannot be read, and what it does not know of the step directories."""
    name = ".dflow/journal.jsonl"
    try:
        text = read_text(layout.journal)
    except OSError as exc:
        yield Finding(name, f"cannot be read: {exc.strerror}", "a resume writes it anew; the step directories have all")
        return
    lines = text.split("\n")
    last = lines.pop()
    if last:
        yield Finding(name, "its last line is torn", "a resume cuts it off; the step directories have all")
    events = [_event(line) for line in lines]
    bad = [str(number) for number, event in enumerate(events, 1) if event is None]
    if bad:
        some = ", ".join(bad[:_MANY]) + (" …" if len(bad) > _MANY else "")
        yield Finding(name, f"lines that are no events: {some}", "they are passed over; the step directories have all")
    known = {event.get("name"): event.get("phase") for event in events if event is not None}
    lacking = [node for node, phase in steps.finished.items() if known.get(node) != phase]
    if lacking:
        some = ", ".join(lacking[:_MANY]) + (" …" if len(lacking) > _MANY else "")
        yield Finding(name, f"does not know the end of {len(lacking)} finished steps: {some}", "a resume adds them")
    yield from _lost(layout, [event for event in events if event is not None])


def _lost(layout: RunLayout, events: list[dict[str, Any]]) -> Iterator[Finding]:
    """Leaf steps that the journal calls finished and that have no directory any more."""
    ends = {str(event.get("name")): event for event in events if event.get("event") == "node"}
    for event in ends.values():
        place, phase = event.get("dir"), event.get("phase")
        ended = event.get("type") == "Pod" and place and phase == Phase.SUCCEEDED.value
        if ended and not (layout.root / str(place)).exists():
            yield Finding(str(place), "the directory of a finished step is gone", "a resume runs the step again")


def _event(line: str) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
