"""What the verbs do."""

from __future__ import annotations

import argparse
import runpy
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow import local, query
from dflow.background import start_runner
from dflow.cli.find import find_run, find_steps, pairs
from dflow.cli.show import marked, print_json, print_table, say
from dflow.config import config
from dflow.engine.errors import ConfigError, RunNotFound, StateError
from dflow.engine.layout import StepLayout
from dflow.engine.lease import holder, is_running, silence
from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.engine.state import read_record
from dflow.waiting import waiting_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.engine.layout import RunLayout

_TABLE_FORMAT = "%Y-%m-%d %H:%M:%S"


def run_script(options: argparse.Namespace) -> int:
    """Run a script as ``python script`` would, or a manifest, with an exit status that tells of its workflow."""
    script = options.script
    if script.suffix in (".yaml", ".yml", ".json"):
        from dflow.cli.argo import run_manifest
        from dflow.cli.main import submit_options

        parser = submit_options(argparse.ArgumentParser(prog="dflow run"))
        return run_manifest(parser.parse_args([str(script), *options.arguments]))
    if not script.is_file():
        raise ConfigError(f"there is no script {script}")
    sys.argv = [str(script), *options.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    phase = local.last_phase()
    return 1 if phase is not None and Phase(phase).is_failure else 0


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, suspended or interrupted."""
    layout = find_run(options.id)
    outputs, steps = pairs(options.output, "--output"), options.step or []
    flags = [f"--code={options.code}", *(["--takeover"] if options.takeover else [])]
    waits = not options.takeover and is_running(layout) and (layout.suspended.exists() or waiting_steps(layout))
    if waits or outputs or steps:
        local.resume(layout, outputs, steps, flags=flags)
        say(f"{layout.id} goes on")
        return 0
    if options.detach:
        start_runner(layout, *flags)
        say(f"{layout.id} goes on in the background; see: dflow wait {layout.id}")
        return 0
    result = local.continue_run(layout, code=options.code, takeover=options.takeover)
    return 1 if result.phase.is_failure else 0


def resubmit(options: argparse.Namespace) -> int:
    """Run a workflow anew."""
    return 1 if Phase(local.resubmit(find_run(options.id)).query_status()).is_failure else 0


def wait(options: argparse.Namespace) -> int:
    """Wait for the end of a run."""
    layout = find_run(options.id)
    phase = Phase(query.wait_for_end(layout, options.interval))
    say(f"{layout.id} {marked(phase.value)}")
    return 1 if phase.is_failure else 0


def suspend(options: argparse.Namespace) -> None:
    """Start no more steps of a run."""
    layout = find_run(options.id)
    local.post(layout, "suspend")
    say(f"{layout.id} is suspended; go on with: dflow resume {layout.id}")


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


def retry(options: argparse.Namespace) -> int:
    """Run failed steps again."""
    layout = find_run(options.id)
    result = local.retry(layout, [options.step] if options.step is not None else [], code=options.code)
    if result is None:
        what = f"step {options.step!r}" if options.step is not None else "what has failed"
        say(f"{layout.id} is running; when its attempt has ended, {what} is run again")
        return 0
    return 1 if result.phase.is_failure else 0


def list_runs(options: argparse.Namespace) -> None:
    """Runs in a directory."""
    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    rows = [_run_row(layout) for layout in query.list_runs(folder)]
    if options.json:
        print_json(rows)
        return
    print_table(
        ("ID", "STATUS", "STARTED", "STEPS"),
        ([r["id"], _with_silence(r), r["started"], _of(r)] for r in rows),
    )


def get(options: argparse.Namespace) -> None:
    """What is known of a run."""
    layout = find_run(options.id)
    workflow = query.read_workflow(layout)
    outputs = workflow.global_outputs().recover()
    data = {
        "id": layout.id,
        "status": workflow.status.phase,
        "startedAt": workflow.status.startedAt,
        "finishedAt": workflow.status.finishedAt,
        "duration": workflow.get_duration(),
        "directory": str(layout.root),
        "runner": _runner(layout),
        "phases": _counts(query.read_nodes(layout)),
        "outputs": outputs,
    }
    if options.json:
        print_json(data)
        return
    for name in ("id", "status", "startedAt", "finishedAt", "duration", "directory"):
        say(f"{name + ':':<12} {marked(data[name]) if name == 'status' else data[name]}")
    if data["runner"] is not None:
        say(f"runner:      process {data['runner']['pid']} on {data['runner']['host']}{_silent(data['runner'])}")
    say("steps:       " + (", ".join(f"{n} {phase}" for phase, n in data["phases"].items()) or "none"))
    for name, parameter in outputs["parameters"].items():
        say(f"output:      {name} = {parameter['value']!r}")


def getsteps(options: argparse.Namespace) -> None:
    """Steps of a run."""
    layout = find_run(options.id)
    found = query.read_workflow(layout).get_step(
        name=options.name, key=_several(options.key), phase=_several(options.phase), type=_several(options.type)
    )
    if options.json:
        print_json([step.recover() for step in found])
        return
    rows = (
        [s.displayName, s.key or "", marked(s.phase), s.type, f"{s.get_duration():.0f} s", s.message or ""]
        for s in found
    )
    print_table(("NAME", "KEY", "PHASE", "TYPE", "TIME", "MESSAGE"), rows)


def getkeys(options: argparse.Namespace) -> None:
    """Keys of the steps of a run."""
    keys = list(dict.fromkeys(n.key for n in query.read_nodes(find_run(options.id)) if n.key))
    if options.json:
        print_json(keys)
    else:
        for key in keys:
            say(key)


def logs(options: argparse.Namespace) -> None:
    """What a step printed; of several steps of that name, all."""
    layout = find_run(options.id)
    found = [n for n in find_steps(layout, options.step) if n.place is not None and (n.place / "log.txt").is_file()]
    if not found:
        raise RunNotFound(f"run {layout.id} has no log of a step {options.step!r}; see: dflow getsteps {layout.id}")
    if options.json:
        print_json(
            [
                {"id": n.id, "name": n.display, "log": (n.place / "log.txt").read_text(errors="replace")}
                for n in found
                if n.place
            ]
        )
        return
    for node in found:
        if len(found) > 1:
            say(f"==> {node.name}")
        if node.place is not None:
            sys.stdout.flush()
            with (node.place / "log.txt").open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)


def terminate(options: argparse.Namespace) -> None:
    """End a run at once."""
    _end(options.id, "terminate")


def stop(options: argparse.Namespace) -> None:
    """End a run."""
    _end(options.id, "stop")


def delete(options: argparse.Namespace) -> None:
    """Delete the directory of a run."""
    layout = find_run(options.id)
    if layout.id not in (options.id, Path(options.id).name):
        raise ConfigError(f"to delete a run, name it in full: dflow delete {layout.id}")
    local.delete(layout)
    say(f"deleted {layout.root}")


def _end(text: str, verb: str) -> None:
    layout = find_run(text)
    ended = local.request(layout, verb)
    status = query.read_status(layout)
    say(f"{layout.id} {status}" if ended else f"{layout.id} had ended before, {status}; there is nothing to {verb}")


def _run_row(layout: RunLayout) -> dict[str, Any]:
    try:
        status = query.read_status(layout)
        nodes = query.read_nodes(layout)
    except StateError:
        return {"id": layout.id, "status": "damaged", "started": "", "done": None, "steps": None, "runner": None}
    done = sum(1 for node in nodes if node.phase.is_ok and node.type in LEAF_TYPES)
    started = time.strftime(_TABLE_FORMAT, time.localtime(layout.graph.stat().st_mtime))
    return {
        "id": layout.id,
        "status": status,
        "started": started,
        "done": done,
        "steps": sum(n.type in LEAF_TYPES for n in nodes),
        "runner": _runner(layout),
    }


def _runner(layout: RunLayout) -> dict[str, Any] | None:
    """Who runs a workflow, and for how many seconds another host has given no sign of life."""
    current = holder(layout)
    if current is None or not is_running(layout):
        return None
    return {"host": current.get("host"), "pid": current.get("pid"), "silentFor": silence(layout)}


def _silent(runner: dict[str, Any] | None) -> str:
    seconds = (runner or {}).get("silentFor")
    return "" if seconds is None else f" (no sign of life for {seconds:.0f} s)"


def _with_silence(row: dict[str, Any]) -> str:
    return marked(row["status"]) + _silent(row["runner"])


def _of(row: dict[str, Any]) -> str:
    return "" if row["steps"] is None else f"{row['done']}/{row['steps']}"


def _counts(nodes: Iterable[query.NodeRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        if node.type in LEAF_TYPES or node.type == "Skipped":
            counts[node.phase.value] = counts.get(node.phase.value, 0) + 1
    return counts


def _several(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")
