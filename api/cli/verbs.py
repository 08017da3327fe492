"""What the verbs do."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow import local, query
from dflow.config import config
from dflow.engine.errors import ConfigError, RunNotFound, StateError
from dflow.engine.layout import RunLayout, StepLayout, is_run
from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.engine.state import read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from dflow.engine.node import Node

_TABLE_FORMAT = "%Y-%m-%d %H:%M:%S"


def run_script(options: argparse.Namespace) -> int:
    """Run a script as ``python script`` would, with an exit status that tells of its workflow."""
    script = options.script
    if not script.is_file():
        raise ConfigError(f"there is no script {script}")
    sys.argv = [str(script), *options.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    phase = local.last_phase()
    return 1 if phase is not None and Phase(phase).is_failure else 0


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, suspended or interrupted."""
    layout = _find(options.id)
    if layout.suspended.exists() and is_running(layout):
        local.post(layout, "resume")
        return 0
    if options.detach:
        local.start_runner(layout)
        return 0
    return _continued(layout, None)


def resubmit(options: argparse.Namespace) -> int:
    """Run a workflow anew."""
    return 1 if Phase(local.resubmit(_find(options.id)).query_status()).is_failure else 0


def wait(options: argparse.Namespace) -> int:
    """Wait for the end of a run."""
    layout = _find(options.id)
    while not (phase := Phase(query.read_status(layout))).is_final:
        time.sleep(options.interval)
    _say(f"{layout.id} {_marked(phase.value)}")
    return 1 if phase.is_failure else 0


def suspend(options: argparse.Namespace) -> None:
    """Start no more steps of a run."""
    layout = _find(options.id)
    local.post(layout, "suspend")
    _say(f"{layout.id} is suspended; go on with: dflow resume {layout.id}")


def explain(options: argparse.Namespace) -> None:
    """Why a step ran, or did not."""
    layout = _find(options.id)
    nodes = [n for n in query.read_nodes(layout) if options.step in (n.key, n.display, n.id)]
    if not nodes:
        raise RunNotFound(f"run {layout.id} has no step {options.step!r}; see: dflow getsteps {layout.id}")
    found: list[dict[str, Any]] = [
        {"name": n.name, "phase": n.phase.value, "why": _why(n), "dependsOn": _depends_on(n)} for n in nodes
    ]
    if options.json:
        _print_json(found)
        return
    for data in found:
        _say(f"{data['name']}: {_marked(data['phase'])}, {data['why']}")
        for name, mark in data["dependsOn"].items():
            _say(f"  {name}: {mark}")


def _why(node: query.NodeRecord) -> str:
    """One sentence on how a step came to its phase."""
    retries = node.event.get("retries")
    if node.event.get("reusedFrom"):
        return f"its outputs were reused from {node.event['reusedFrom']}: a step of that key was given to submit"
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
    layout = _find(options.id)
    wanted = options.step

    def again(node: Node) -> bool:
        if wanted is not None:
            return wanted in (node.key, node.display, node.id)
        return node.phase.is_failure

    if wanted is not None and not any(wanted in (n.key, n.display, n.id) for n in query.read_nodes(layout)):
        raise RunNotFound(f"run {layout.id} has no step {wanted!r}; see: dflow getsteps {layout.id}")
    return _continued(layout, again)


def _continued(layout: RunLayout, again: Any) -> int:
    result = local.continue_run(layout, again=again)
    return 1 if result.phase.is_failure else 0


def list_runs(options: argparse.Namespace) -> None:
    """Runs in a directory."""
    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    rows = [_run_row(layout) for layout in query.list_runs(folder)]
    if options.json:
        _print_json(rows)
        return
    _print_table(
        ("ID", "STATUS", "STARTED", "STEPS"), ([r["id"], _marked(r["status"]), r["started"], r["steps"]] for r in rows)
    )


def get(options: argparse.Namespace) -> None:
    """What is known of a run."""
    layout = _find(options.id)
    workflow = query.read_workflow(layout)
    outputs = workflow.global_outputs().recover()
    data = {
        "id": layout.id,
        "status": workflow.status.phase,
        "startedAt": workflow.status.startedAt,
        "finishedAt": workflow.status.finishedAt,
        "duration": workflow.get_duration(),
        "directory": str(layout.root),
        "phases": _counts(query.read_nodes(layout)),
        "outputs": outputs,
    }
    if options.json:
        _print_json(data)
        return
    for name in ("id", "status", "startedAt", "finishedAt", "duration", "directory"):
        _say(f"{name + ':':<12} {_marked(data[name]) if name == 'status' else data[name]}")
    _say("steps:       " + (", ".join(f"{n} {phase}" for phase, n in data["phases"].items()) or "none"))
    for name, parameter in outputs["parameters"].items():
        _say(f"output:      {name} = {parameter['value']!r}")


def getsteps(options: argparse.Namespace) -> None:
    """Steps of a run."""
    layout = _find(options.id)
    found = query.read_workflow(layout).get_step(
        name=options.name, key=_several(options.key), phase=_several(options.phase), type=_several(options.type)
    )
    if options.json:
        _print_json([step.recover() for step in found])
        return
    rows = (
        [s.displayName, s.key or "", _marked(s.phase), s.type, f"{s.get_duration():.0f} s", s.message or ""]
        for s in found
    )
    _print_table(("NAME", "KEY", "PHASE", "TYPE", "TIME", "MESSAGE"), rows)


def getkeys(options: argparse.Namespace) -> None:
    """Keys of the steps of a run."""
    keys = list(dict.fromkeys(n.key for n in query.read_nodes(_find(options.id)) if n.key))
    if options.json:
        _print_json(keys)
    else:
        for key in keys:
            _say(key)


def logs(options: argparse.Namespace) -> None:
    """What a step printed; of several steps of that name, all."""
    layout = _find(options.id)
    nodes = query.read_nodes(layout)
    found = [n for n in nodes if options.step in (n.key, n.id)] or [n for n in nodes if n.display == options.step]
    found = [n for n in found if n.place is not None and (n.place / "log.txt").is_file()]
    if not found:
        raise RunNotFound(f"run {layout.id} has no log of a step {options.step!r}; see: dflow getsteps {layout.id}")
    if options.json:
        _print_json(
            [
                {"id": n.id, "name": n.display, "log": (n.place / "log.txt").read_text(errors="replace")}
                for n in found
                if n.place
            ]
        )
        return
    for node in found:
        if len(found) > 1:
            _say(f"==> {node.name}")
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
    layout = _find(options.id)
    if layout.id not in (options.id, Path(options.id).name):
        raise ConfigError(f"to delete a run, name it in full: dflow delete {layout.id}")
    local.delete(layout)
    _say(f"deleted {layout.root}")


def _end(text: str, verb: str) -> None:
    layout = _find(text)
    local.request(layout, verb)
    _say(f"{layout.id} {query.read_status(layout)}")


def _find(text: str) -> RunLayout:
    """The run of an id, of the beginning of one, or in a directory.

    Raises:
        RunNotFound: there is none, or more than one.
    """
    if not text.strip():
        raise ConfigError("the id of the run is empty; see: dflow list")
    if is_run(Path(text)):
        return RunLayout(Path(text).absolute())
    folder = Path(str(config["debug_workdir"])).absolute()
    if is_run(folder / text):
        return RunLayout(folder / text)
    found = [layout for layout in query.list_runs(folder) if layout.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise RunNotFound(f"there is no run {text!r} in {folder}; see: dflow list")
    raise RunNotFound(f"{text!r} is the beginning of {len(found)} ids: {', '.join(layout.id for layout in found)}")


def _run_row(layout: RunLayout) -> dict[str, Any]:
    try:
        status = query.read_status(layout)
        nodes = query.read_nodes(layout)
    except StateError:
        return {"id": layout.id, "status": "damaged", "started": "", "steps": ""}
    done = sum(1 for node in nodes if node.phase.is_ok and node.type == "Pod")
    started = time.strftime(_TABLE_FORMAT, time.localtime(layout.graph.stat().st_mtime))
    return {
        "id": layout.id,
        "status": status,
        "started": started,
        "steps": f"{done}/{sum(n.type == 'Pod' for n in nodes)}",
    }


def _counts(nodes: Iterable[query.NodeRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in nodes:
        if node.type in ("Pod", "Skipped"):
            counts[node.phase.value] = counts.get(node.phase.value, 0) + 1
    return counts


def _several(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")


def _marked(phase: str) -> str:
    try:
        return f"{Phase(phase).symbol} {phase}"
    except ValueError:
        return phase


def _print_json(data: Any) -> None:
    _say(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def _print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; the last is cut at the terminal's edge."""
    lines = [list(head), *([str(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    limit = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    for line in lines:
        _say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()[:limit])


def _say(text: str) -> None:
    sys.stdout.write(text + os.linesep)
