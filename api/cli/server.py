"""What the verbs do when workflows are on an Argo server (``DFLOW_MODE=argo``)."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import dflow
from dflow.argo_mode import ArgoRun, argo_server, list_workflows
from dflow.argo_objects import rfc3339
from dflow.cli.find import pairs
from dflow.cli.show import acted, marked, note, only_json, print_json, print_table, say
from dflow.cli.words import fits, length, phases_of, seconds_of_option
from dflow.engine.errors import ConfigError, RunNotFound, UnsupportedError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

_LATEST = "@latest"
_FAR = 86400.0
"""Clocks of servers may be before this one's."""


def find(text: str | None) -> ArgoRun:
    """The workflow of a name, of the beginning of one, or the latest one; None means that, and it is named then.

    Raises:
        RunNotFound: there is none, or more than one.
    """
    if text is None:
        latest = find(_LATEST)
        note(f"workflow {latest.name}")
        return latest
    if not text.strip():
        raise ConfigError("the id of the workflow is empty; see: dflow list")
    server = argo_server()
    known = [w["metadata"] for w in server.list(prefix=None if text == _LATEST else text)]
    names = [str(metadata["name"]) for metadata in known]
    if text == _LATEST:
        if not known:
            raise RunNotFound(f"there is no workflow in namespace {server.namespace!r} of {server.host}")
        return _run(max(known, key=lambda metadata: str(metadata.get("creationTimestamp")))["name"])
    if text in names or not names:  # it may be in the archive
        return _run(text)
    if len(names) > 1:
        raise RunNotFound(f"{text!r} is the beginning of {len(names)} names: {', '.join(names[:10])}")
    return _run(names[0])


def _run(name: str) -> ArgoRun:
    return ArgoRun(dflow.Workflow(id=name))


def list_runs(options: argparse.Namespace) -> None:
    """Workflows of the namespace."""
    labels = pairs(options.label.split(","), "--label") if options.label else None
    phases = phases_of(options.phase)
    rows = [
        {
            "id": w.id,
            "status": w.status.phase,
            "started": w.status.startedAt or w.metadata.get("creationTimestamp") or "",
            "finished": w.status.finishedAt,
            "progress": w.status.progress or "",
            "message": w.status.message or "",
        }
        for w in list_workflows(labels)
        if options.name is None or fits(w.id, options.name)
    ]
    since, until = _limits(options)
    rows = [r for r in rows if phases is None or r["status"] in phases]
    rows = [r for r in rows if since <= r["started"] <= until]
    if options.json:
        print_json(rows)
        return
    print_table(
        ("ID", "STATUS", "STARTED", "STEPS", "MESSAGE"),
        ([r["id"], marked(r["status"]), r["started"], r["progress"], r["message"]] for r in rows),
    )


def _limits(options: argparse.Namespace) -> tuple[str, str]:
    """Between which times a workflow must have begun, as Argo writes them."""
    now = time.time()
    since = now - seconds_of_option("--newer", options.newer) if options.newer else 0.0
    until = now - seconds_of_option("--older", options.older) if options.older else now + _FAR
    return str(rfc3339(since)), str(rfc3339(until))


def get(options: argparse.Namespace) -> None:
    """What is known of a workflow."""
    if options.resources:
        raise UnsupportedError("what steps of a server have used is not known here; see its page")
    run = find(options.id)
    workflow = run.read()
    outputs = workflow.global_outputs().recover()
    steps = workflow.get_step(type=["Pod", "Skipped", "Suspend", "HTTP", "Plugin"])
    data: dict[str, Any] = {
        "id": workflow.id,
        "status": workflow.status.phase,
        "message": workflow.status.message,
        "startedAt": workflow.status.startedAt,
        "finishedAt": workflow.status.finishedAt,
        "duration": workflow.get_duration(),
        "link": f"{run.server.host}/workflows/{run.server.namespace}/{workflow.id}",
        "phases": _counts(step.phase for step in steps),
        "outputs": outputs,
    }
    if options.json:
        print_json(data)
        return
    for name in ("id", "status", "message", "startedAt", "finishedAt", "duration", "link"):
        if data[name] is not None:
            say(f"{name + ':':<12} {_shown(name, data[name])}")
    say("steps:       " + (", ".join(f"{n} {phase}" for phase, n in data["phases"].items()) or "none"))
    for name, parameter in outputs["parameters"].items():
        say(f"output:      {name} = {parameter['value']!r}")


def _shown(name: str, value: Any) -> str:
    if name == "duration":
        return length(value)
    return marked(value) if name == "status" else str(value)


def getsteps(options: argparse.Namespace) -> None:
    """Steps of a workflow."""
    found = (
        find(options.id)
        .read()
        .get_step(
            name=options.name,
            key=_several(options.key),
            phase=_several(options.phase),
            id=_several(options.node),
            type=_several(options.type),
        )
    )
    if options.json:
        print_json([step.recover() for step in found])
        return
    print_table(
        ("NAME", "KEY", "PHASE", "TYPE", "TIME", "MESSAGE"),
        (
            [s.displayName, s.key or "", marked(s.phase), s.type, f"{s.get_duration():.0f} s", s.message or ""]
            for s in found
        ),
    )


def getkeys(options: argparse.Namespace) -> None:
    """Keys of the steps of a workflow."""
    keys = list(dict.fromkeys(step.key for step in find(options.id).read().get_step() if step.key))
    if options.json:
        print_json(keys)
        return
    for key in keys:
        say(key)


def logs(options: argparse.Namespace) -> None:
    """What a step printed, as it comes."""
    if options.step is None:
        raise ConfigError(f"on a server, name a step: dflow logs {options.id or _LATEST} STEP")
    run = find(options.id)
    if options.json:
        print_json([{"name": options.step, "log": run.logs(options.step)}])
        return
    lines = run.log_lines(options.step, follow=options.follow)
    for line in lines if options.tail is None or options.follow else deque(lines, maxlen=max(options.tail, 0)):
        say(line)


def wait(options: argparse.Namespace) -> int:
    """Wait for the end of a workflow."""
    run = find(options.id)
    phase = run.wait(max(options.interval, 1.0))
    acted(options, f"{run.name} {marked(phase)}", run.name, phase)
    return 0 if phase == "Succeeded" else 1


def suspend(options: argparse.Namespace) -> None:
    """Start no more steps of a workflow."""
    run = find(options.id)
    run.suspend()
    _asked(options, run, f"{run.name} is suspended; go on with: dflow resume {run.name}")


def resume(options: argparse.Namespace) -> None:
    """Go on with a workflow that is suspended, or waits."""
    outputs = pairs(options.output, "--output")
    run = find(options.id)
    run.resume(outputs, options.step or [])
    _asked(options, run, f"{run.name} goes on")


def retry(options: argparse.Namespace) -> None:
    """Run failed steps again."""
    run = find(options.id)
    run.retry([options.step] if options.step is not None else [])
    _asked(options, run, f"{run.name} goes on; see: dflow wait {run.name}")


def resubmit(options: argparse.Namespace) -> None:
    """Submit a workflow anew."""
    run = find(options.id)
    with only_json(options):
        made = run.resubmit()
    acted(options, "", str(getattr(made, "id", None) or run.name), None, of=run.name)


def terminate(options: argparse.Namespace) -> None:
    """End a workflow at once."""
    run = find(options.id)
    run.terminate()
    _asked(options, run, f"{run.name} is asked to terminate")


def stop(options: argparse.Namespace) -> None:
    """End a workflow; exit handlers run."""
    run = find(options.id)
    run.stop()
    _asked(options, run, f"{run.name} is asked to stop")


def delete(options: argparse.Namespace) -> None:
    """Delete a workflow."""
    run = find(options.id)
    if run.name != options.id:
        raise ConfigError(f"to delete a workflow, name it in full: dflow delete {run.name}")
    run.delete()
    acted(options, f"deleted {run.name}", run.name, None)


def _asked(options: argparse.Namespace, run: ArgoRun, text: str) -> None:
    """Say what was asked of the server; how the workflow is now, only where that is wanted."""
    acted(options, text, run.name, run.status() if options.json else None)


def doctor(options: argparse.Namespace) -> None:
    """Not of a server."""
    raise UnsupportedError(f"dflow {options.verb} is for runs on this machine; unset DFLOW_MODE")


debug = explain = doctor


def _counts(phases: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for phase in phases:
        counts[phase] = counts.get(phase, 0) + 1
    return counts


def _several(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")
