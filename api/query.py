"""Reading what a run directory says: status, nodes, outputs. Nothing is changed."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dflow.argo_objects import ArgoStep, ArgoWorkflow, rfc3339
from dflow.engine.errors import RunNotFound, StateError
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout, is_run
from dflow.engine.lease import is_running
from dflow.engine.moving import absolute
from dflow.engine.phase import Phase
from dflow.engine.state import read_phase, read_record, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dflow.engine.model import WorkflowGraph

_PHASES = frozenset(phase.value for phase in Phase)
_LETTING_GO = 10.0
_LATE_POLL = 0.02

__all__ = [
    "NodeRecord",
    "list_runs",
    "load_step_late",
    "load_values",
    "read_nodes",
    "read_status",
    "read_step",
    "read_workflow",
    "records_of_steps",
    "wait_for_end",
]


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What is known of a node without opening its directory.

    Attributes:
        place: its directory; None while it has none.
        message: how it ended, in words; while it runs, what it waits for, where that is known.
        event: the journal's last word on it, with ``usage`` (``{"cpu": seconds, "maxRss": bytes}``) of a leaf that has
            ended, and ``host`` where it did not run where the engine did.
    """

    id: str
    name: str
    display: str
    type: str
    phase: Phase
    template: str
    parent: str | None
    key: str | None
    place: Path | None
    message: str
    started: float | None
    finished: float | None
    event: Mapping[str, Any]


def list_runs(folder: Path) -> list[RunLayout]:
    """The runs in a directory, newest first."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and is_run(entry)]
    except OSError as exc:
        raise StateError(f"cannot look for runs in {folder}: {exc.strerror}") from exc
    dated = [(began, RunLayout(entry)) for entry in entries if (began := _begun(entry)) is not None]
    return [layout for _, layout in sorted(dated, key=lambda pair: pair[0], reverse=True)]


def _begun(place: Path) -> float | None:
    try:
        return RunLayout(place).graph.stat().st_mtime
    except OSError:
        return None  # it has been deleted by now


def read_status(layout: RunLayout) -> str:
    """The workflow's phase; ``Terminated`` when it should run but its runner is gone.

    Raises:
        StateError: the directory is damaged.
    """
    try:
        status = Phase(read_text(layout.status).strip())
    except (OSError, ValueError) as exc:
        raise StateError(f"cannot read the status of the run in {layout.status}: {exc}") from exc
    if status is Phase.RUNNING and not is_running(layout):
        return read_text(layout.status).strip() if _just_ended(layout) else Phase.TERMINATED.value
    return status.value


def wait_for_end(layout: RunLayout, interval: float) -> str:
    """Wait until a run has ended and its runner has let go of it; its phase.

    Then all is there that the runner had to say, and others may go on with the run, or delete it. A holder on another
    host that may be gone is waited for a while only.
    """
    patience = time.monotonic() + _LETTING_GO
    while True:
        status = Phase(read_status(layout))
        if not status.is_final:
            patience = time.monotonic() + interval + _LETTING_GO
            time.sleep(interval)
        elif is_running(layout) and time.monotonic() < patience:
            time.sleep(min(interval, _LATE_POLL))
        else:
            return status.value


def read_nodes(layout: RunLayout) -> list[NodeRecord]:
    """All nodes but the root, in the order in which they started.

    The journal is the index. A node that it calls unfinished is looked up in its directory; without a journal the
    directories are read.
    """
    nodes = _read_nodes(layout)
    if any(node.phase is Phase.RUNNING for node in nodes) and not is_running(layout):
        nodes = [_interrupted(node) for node in _read_nodes(layout)]  # read again: it may just have ended
    return sorted(nodes, key=lambda node: node.started or 0.0)


def _read_nodes(layout: RunLayout) -> list[NodeRecord]:
    events: dict[str, dict[str, Any]] = {}
    for event in read_events(layout.journal):
        name = event.get("name")
        if event.get("event") == "moved" and isinstance(name, str) and name in events:
            events[name] = {**events[name], "dir": event.get("dir")}
        if event.get("event") == "note" and isinstance(name, str) and name in events:
            events[name] = {**events[name], "note": event.get("text")}
        if event.get("event") == "node" and isinstance(event.get("name"), str) and event.get("phase") in _PHASES:
            earlier = events.pop(event["name"], None) if event.get("phase") == Phase.RUNNING.value else None
            events[event["name"]] = event if earlier is None or "started" in event else {**earlier, "note": "", **event}
    found = list(events.values() if events else records_of_steps(layout))
    hidden = _hidden(found)
    shown = (event for event in found if event.get("id") not in hidden) if hidden else found
    return [_node(layout, _lifted(event, hidden)) for event in shown if event.get("name") != layout.id]


def _hidden(events: Sequence[Mapping[str, Any]]) -> dict[Any, Any]:
    """The nodes that an exporter made, with their parents; one around a loop stands for the loop where that was not."""
    helpers = [event for event in events if event.get("helper")]
    parents = {event.get("parent") for event in events} if helpers else set()
    return {e.get("id"): e.get("parent") for e in helpers if e.get("helper") is True or e.get("id") in parents}


def _lifted(event: Mapping[str, Any], hidden: Mapping[Any, Any]) -> Mapping[str, Any]:
    """An event whose node is below a shown one: nodes that an exporter made are not shown."""
    parent = event.get("parent")
    if parent not in hidden:
        return event
    while parent in hidden:
        parent = hidden[parent]
    return {**event, "parent": parent}


def read_workflow(layout: RunLayout) -> ArgoWorkflow:
    """The whole run as one object."""
    from dflow.engine.run_directory import load_graph  # lists of runs need no engine

    graph = load_graph(layout)
    last = _last_workflow_event(layout)
    nodes = {node.id: _step(layout, node) for node in read_nodes(layout)}
    status = {
        "phase": read_status(layout),
        "startedAt": rfc3339(last.get("first")),
        "finishedAt": rfc3339(last.get("at")) if last.get("final") else None,
        "nodes": nodes,
        "outputs": {**_global_outputs(layout, last.get("outputs", {})), "types": _global_types(graph)},
    }
    metadata = {"name": layout.id, "labels": dict(graph.labels), "annotations": dict(graph.annotations)}
    return ArgoWorkflow({"metadata": metadata, "status": status, "id": layout.id})


def _global_outputs(layout: RunLayout, outputs: Mapping[str, Any]) -> dict[str, Any]:
    root, places = str(layout.root), outputs.get("artifacts", {}).items()
    return {**outputs, "artifacts": {name: {"local_path": absolute(place, root)} for name, place in places}}


def _global_types(graph: WorkflowGraph) -> dict[str, str]:
    """The declared types of the workflow's outputs, by their global names."""
    declared = [parameter for template in graph.templates for parameter in template.outputs.parameters]
    return {p.global_name: p.type for p in declared if p.global_name and p.type}


def load_values(layout: RunLayout, node: NodeRecord, side: str) -> dict[str, dict[str, Any]]:
    """``inputs`` or ``outputs`` of a node: ``{"parameters": {name: …}, "artifacts": {name: {local_path}}}``.

    Parameters have a ``value``, a text, and a ``type``.
    """
    step = RunLayout(layout.root).step(node.place.name) if node.place else None
    record = (read_record(step) if step else None) or node.event
    values = record.get(side) if isinstance(record.get(side), dict) else None
    if values is None and step is not None:
        return _from_folders(step.root / side)
    values = values or {}
    parameters = {}
    for name, fields in values.get("parameters", {}).items():
        text = fields.get("value")
        if text is None and node.place is not None:
            text = _read(node.place / side / "parameters" / name)
        parameters[name] = {"value": text, "type": fields.get("type")}
    artifacts = {}
    for name, fields in values.get("artifacts", {}).items():
        artifacts[name] = {"local_path": absolute(fields["path"], str(layout.root))}
        if fields.get("key") is not None:
            artifacts[name]["key"] = fields["key"]
    if side == "outputs" and layout.lineage.exists():
        from dflow.registering import urns_of

        for name, urn in urns_of(layout, node.name).items():
            artifacts.get(name, {})["urn"] = urn
    return {"parameters": parameters, "artifacts": artifacts}


def _from_folders(folder: Path) -> dict[str, dict[str, Any]]:
    """Of a step that has no record yet: what lies in its directory."""
    parameters, artifacts = folder / "parameters", folder / "artifacts"
    return {
        "parameters": {p.name: {"value": _read(p), "type": None} for p in _entries(parameters)},
        "artifacts": {p.name: {"local_path": str(p)} for p in _entries(artifacts)},
    }


def _entries(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.endswith(".tmp")) if folder.is_dir() else []


def _read(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except OSError:
        return None


def records_of_steps(layout: RunLayout) -> Iterator[dict[str, Any]]:
    """What the step directories say of their steps, in no order."""
    for entry in layout.root.iterdir():
        record = read_record(layout.step(entry.name)) if entry.is_dir() else None
        if record is not None and record.get("dir") == entry.name:
            yield record


def _node(layout: RunLayout, event: Mapping[str, Any]) -> NodeRecord:
    place = layout.root / event["dir"] if event.get("dir") else None
    phase = Phase(event.get("phase", Phase.PENDING.value))
    if not phase.is_final and place is not None:
        phase = read_phase(layout.step(place.name)) or phase
    return NodeRecord(
        id=str(event.get("id")),
        name=str(event["name"]),
        display=str(event.get("displayName")),
        type=str(event.get("type")),
        phase=phase,
        template=str(event.get("template")),
        parent=event.get("parent"),
        key=event.get("key"),
        place=place,
        message=str(event.get("message") or (event.get("note") if phase is Phase.RUNNING else "") or ""),
        started=event.get("started"),
        finished=event.get("finished"),
        event=event,
    )


def _interrupted(node: NodeRecord) -> NodeRecord:
    """A node of a run whose process is gone: what it calls running is not; a resume runs it again."""
    if node.phase is not Phase.RUNNING:
        return node
    return replace(node, phase=Phase.PENDING, message="interrupted: the process that ran it is gone")


def _step(layout: RunLayout, node: NodeRecord) -> ArgoStep:
    data = {
        "workflow": layout.id,
        "id": node.id,
        "name": node.name,
        "displayName": node.display,
        "key": node.key,
        "phase": node.phase.value,
        "type": node.type,
        "templateName": node.template,
        "boundaryID": node.parent,
        "message": node.message or None,
        "startedAt": rfc3339(node.started),
        "finishedAt": rfc3339(node.finished),
        "exitCode": node.event.get("exitCode"),
        "retries": node.event.get("retries", 0),
        "reusedFrom": node.event.get("reusedFrom"),
        "memoized": node.event.get("memoized"),
        "path": str(node.place) if node.place else None,
        "usage": node.event.get("usage"),
        "host": node.event.get("host"),
    }
    return ArgoStep(data, layout.id, load=partial(load_step_late, layout, node))


def read_step(layout: RunLayout, identity: str) -> ArgoStep:
    """The step of that id.

    Raises:
        RunNotFound: there is none any more.
    """
    for node in read_nodes(layout):
        if node.id == identity:
            return _step(layout, node)
    raise RunNotFound(f"run {layout.id} has no step {identity!r} any more; see: dflow getsteps {layout.id}")


def load_step_late(layout: RunLayout, node: NodeRecord, what: str) -> Any:
    """What a step knows of itself when it is first asked: inputs, outputs, progress; ``acts`` does things with it."""
    if what == "acts":
        from dflow.step_acts import LocalActs

        return LocalActs(layout, node)
    return _progress(layout, node) if what == "progress" else load_values(layout, node, what)


def _progress(layout: RunLayout, node: NodeRecord) -> str:
    """What the OP said last; else, as on Argo, one piece of work that is done or not."""
    said = _read(layout.step(node.place.name).progress) if node.place else None
    return (said or "").strip() or ("1/1" if node.phase is Phase.SUCCEEDED else "0/1")


def _last_workflow_event(layout: RunLayout) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for event in read_events(layout.journal):
        if event.get("event") == "workflow":
            final = Phase(event["phase"]).is_final
            result = {
                "first": result.get("first", event.get("at")),
                "at": event.get("at"),
                "final": final,
                "outputs": event.get("outputs", {}),
            }
    return result


def _just_ended(layout: RunLayout) -> bool:
    """Between reading the status and looking for the runner it may have written its last word."""
    return read_text(layout.status).strip() != Phase.RUNNING.value
