"""The verbs that look at one run: ``get``, ``getsteps``, ``getkeys``, ``explain``, ``wait``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dflow import query
from dflow.cli.find import find_run, find_steps
from dflow.cli.journal import last_sign
from dflow.cli.show import acted, marked, print_json, print_table, say
from dflow.cli.words import length, phases_of
from dflow.engine.layout import StepLayout
from dflow.engine.lease import holder, is_running, silence
from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.engine.state import read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from dflow.argo_objects import ArgoStep
    from dflow.engine.layout import RunLayout

__all__ = ["explain", "get", "getkeys", "getsteps", "runner_of", "several", "silent", "wait"]


def wait(options: argparse.Namespace) -> int:
    """Wait for the end of a run."""
    layout = find_run(options.id)
    phase = Phase(query.wait_for_end(layout, options.interval))
    acted(options, f"{layout.id} {marked(phase.value)}", layout.id, phase.value)
    return 1 if phase.is_failure else 0


def explain(options: argparse.Namespace) -> None:
    """Why a step ran, or did not."""
    layout = find_run(options.id)
    nodes = find_steps(layout, options.step)
    found: list[dict[str, Any]] = [
        {"name": n.name, "phase": n.phase.value, "why": _why(n), "dependsOn": _depends_on(n)} for n in nodes
    ]
    if options.json:
        print_json(found)
        return
    for data in found:
        say(f"{data['name']}: {marked(data['phase'])}, {data['why']}")
        for name, mark in data["dependsOn"].items():
            say(f"  {name}: {mark}")


def _why(node: query.NodeRecord) -> str:
    """One sentence on how a step came to its phase."""
    retries = node.event.get("retries")
    if node.event.get("reusedFrom"):
        return f"its outputs were reused from {node.event['reusedFrom']}: a step of that key was given to submit"
    if node.event.get("memoized"):
        return f"it did not run: {node.message}"
    if node.phase is Phase.SKIPPED or node.phase is Phase.OMITTED:
        return f"it did not run: {node.message}"
    if not node.phase.is_final:
        return "it has not ended yet"
    ran = "it ran: there was no finished result of it in this run"
    return f"{ran}; attempt {retries + 1}, the earlier ones failed" if retries else ran


def _depends_on(node: query.NodeRecord) -> dict[str, str]:
    record = read_record(StepLayout(node.place)) if node.place else None
    return dict((record or {}).get("fingerprint") or {})


def get(options: argparse.Namespace) -> None:
    """What is known of a run."""
    layout = find_run(options.id)
    if options.resources:
        from dflow.cli.resources import show_resources

        show_resources(layout, as_json=options.json)
        return
    workflow = query.read_workflow(layout)
    outputs = workflow.global_outputs().recover()
    data = {
        "id": layout.id,
        "status": workflow.status.phase,
        "suspended": not Phase(workflow.status.phase).is_final and layout.suspended.exists(),
        "startedAt": workflow.status.startedAt,
        "finishedAt": workflow.status.finishedAt,
        "duration": workflow.get_duration(),
        "directory": str(layout.root),
        "runner": runner_of(layout),
        "phases": _counts(query.read_nodes(layout)),
        "outputs": outputs,
    }
    if options.json:
        print_json(data)
        return
    for name in ("id", "status", "startedAt", "finishedAt", "duration", "directory"):
        is_held = name == "status" and data["suspended"]
        text = marked(data[name]) if name == "status" else length(data[name]) if name == "duration" else data[name]
        say(f"{name + ':':<12} {'-' if text is None else text}{' (suspended)' if is_held else ''}")
    if data["runner"] is not None:
        say(f"runner:      process {data['runner']['pid']} on {data['runner']['host']}{silent(data['runner'])}")
    say("steps:       " + (", ".join(f"{n} {phase}" for phase, n in data["phases"].items()) or "none"))
    for name, parameter in outputs["parameters"].items():
        say(f"output:      {name} = {parameter['value']!r}")


def getsteps(options: argparse.Namespace) -> None:
    """Steps of a run."""
    phases = phases_of(options.phase)
    layout = find_run(options.id)
    found = query.read_workflow(layout).get_step(
        name=options.name,
        key=several(options.key),
        phase=None if phases is None else sorted(phases),
        id=several(options.node),
        type=several(options.type),
    )
    if options.json:
        print_json([step.recover() for step in found])
        return
    dead = 0.0 if is_running(layout) else time.time() - last_sign(layout)
    rows = (
        [s.displayName, s.key or "", marked(s.phase), s.type, f"{_seconds(s, dead):.0f} s", s.message or ""]
        for s in found
    )
    print_table(("NAME", "KEY", "PHASE", "TYPE", "TIME", "MESSAGE"), rows)


def _seconds(step: ArgoStep, dead: float) -> float:
    """How long a step took; one that has not ended, and was interrupted with its run so long ago, took till then."""
    return float(max(0.0, step.get_duration() - (dead if step.finishedAt is None else 0.0)))


def getkeys(options: argparse.Namespace) -> None:
    """Keys of the steps of a run."""
    keys = list(dict.fromkeys(n.key for n in query.read_nodes(find_run(options.id)) if n.key))
    if options.json:
        print_json(keys)
    else:
        for key in keys:
            say(key)


def runner_of(layout: RunLayout) -> dict[str, Any] | None:
    """Who runs a workflow, and for how many seconds another host has given no sign of life."""
    current = holder(layout)
    if current is None or not is_running(layout):
        return None
    return {"host": current.get("host"), "pid": current.get("pid"), "silentFor": silence(layout)}


def silent(runner: dict[str, Any] | None) -> str:
    """The words for a runner that has given no sign of life."""
    seconds = (runner or {}).get("silentFor")
    return "" if seconds is None else f" (no sign of life for {seconds:.0f} s)"


def _counts(nodes: Iterable[query.NodeRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        if node.type in LEAF_TYPES or node.type == "Skipped":
            counts[node.phase.value] = counts.get(node.phase.value, 0) + 1
    return counts


def several(text: str | None) -> list[str] | None:
    """The words of a list with commas; None for none."""
    return None if text is None else text.split(",")
