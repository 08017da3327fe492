"""The verbs that only look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.parsing import RUN, STEP, with_directory, with_json, with_script_arguments

if TYPE_CHECKING:
    from dflow.cli.parsing import Verbs

__all__ = ["add_looking"]


def add_looking(verbs: Verbs) -> None:
    """``list``, ``get``, ``getsteps``, ``getkeys``, ``logs``, ``watch``, ``top``, ``ui`` and others."""
    _list(verbs)
    _get(verbs)
    _logs(verbs)
    _displays(verbs)
    explain = verbs.of_run(
        "explain",
        "why a step ran, or did not, and what its result depends on",
        "dflow explain @latest train",
        does="looking:explain",
    )
    explain.add_argument("step", metavar="STEP", help=STEP)
    with_json(explain)
    _graph(verbs)
    doctor = verbs.of_run(
        "doctor",
        "what is wrong with a run, and what a resume would do",
        "dflow doctor train-x3k9a",
        does="doctor:doctor",
    )
    with_json(doctor)


def _list(verbs: Verbs) -> None:
    runs = verbs.add(
        "list",
        "runs in this directory, newest first",
        "dflow list",
        "dflow list --phase Failed,Error --newer 2d",
        "dflow list --name 'train-*' --json",
        does="listing:list_runs",
    )
    runs.add_argument("-l", "--label", metavar="NAME=VALUE[,…]", help="only workflows that have these labels")
    runs.add_argument("--name", metavar="PATTERN", help="only ids that begin so, or fit a pattern with * and ?")
    runs.add_argument("--phase", metavar="PHASE[,…]", help="only these: Running, Failed …")
    runs.add_argument("--newer", metavar="TIME", help="only those that began at most so long ago: 90m, 12h, 30d, 2w")
    runs.add_argument("--older", metavar="TIME", help="only those that began longer ago")
    with_directory(runs)
    with_json(runs)


def _get(verbs: Verbs) -> None:
    get = verbs.of_any_run(
        "get",
        "what is known of a run",
        "dflow get @latest",
        "dflow get train-x3k9a --resources    time, CPU and memory of each step",
        does="looking:get",
    )
    get.add_argument(
        "--resources", action="store_true", help="wall time, CPU, memory, host and exit status of each step"
    )
    with_json(get)
    steps = verbs.of_any_run(
        "getsteps",
        "steps of a run",
        "dflow getsteps @latest",
        "dflow getsteps train-x3k9a --phase Failed,Error",
        does="looking:getsteps",
    )
    steps.add_argument("-n", "--name", help="a regular expression for the beginning of the name")
    steps.add_argument("-k", "--key", help="one key, or several with commas")
    steps.add_argument("-p", "--phase", help="one phase, or several with commas")
    steps.add_argument("-i", "--id", dest="node", metavar="NODE", help="the id of a step, or several with commas")
    steps.add_argument("-t", "--type", help="Pod, HTTP, Suspend, Steps, DAG or Skipped")
    with_json(steps)
    with_json(
        verbs.of_any_run("getkeys", "keys of the steps of a run", "dflow getkeys train-x3k9a", does="looking:getkeys")
    )


def _logs(verbs: Verbs) -> None:
    logs = verbs.of_any_run(
        "logs",
        "what steps have printed",
        "dflow logs @latest train",
        "dflow logs @latest -f                all steps, each line with the step's name, until the run has ended",
        "dflow logs train-x3k9a iter-0.train -f --tail 10",
        does="logs:logs",
    )
    logs.add_argument("step", metavar="STEP", nargs="?", help=f"{STEP} (default: all steps)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as long as the step, or the run, does")
    logs.add_argument("--tail", type=int, metavar="N", help="of each step, only the last N lines, and what comes then")
    with_json(logs)


def _displays(verbs: Verbs) -> None:
    watch = verbs.of_any_run(
        "watch",
        "show a run as it goes, until it has ended",
        "dflow watch @latest",
        "dflow watch train-x3k9a --plain      lines, as for a file",
        does="watch:watch",
    )
    watch.add_argument("--plain", action="store_true", help="plain lines, as where there is no terminal")
    top = verbs.add("top", "show the runs of this directory, and what runs now", "dflow top", does="watch:top")
    with_directory(top)
    with_json(top)
    ui = verbs.add(
        "ui",
        "show runs in the browser, on this machine alone",
        "dflow ui",
        "dflow ui @latest --no-browser --port 8765",
        does="ui:ui",
    )
    ui.add_argument("id", metavar="ID", nargs="?", help=f"open the page of this run: {RUN}")
    ui.add_argument(
        "--port", type=int, default=8765, help="(default: 8765, or a free one when it is taken; 0: a free one)"
    )
    ui.add_argument("--no-browser", action="store_true", help="print the address, and open no browser")
    with_directory(ui)


def _graph(verbs: Verbs) -> None:
    graph = verbs.add(
        "graph",
        "draw the workflow of a script, a run, or a manifest",
        "dflow graph train.py -o train.svg",
        "dflow graph train.py -o train.svg -- --epochs 3    what comes after -- is the script's",
        "dflow graph @latest --format mermaid",
        does="graph:graph",
    )
    with_script_arguments(graph, "dflow graph [--format FORM] [-o FILE] SOURCE [-- ARGUMENT …]")
    graph.add_argument("source", metavar="SOURCE", help=f"a script, a run ({RUN}), a manifest, or a graph (.json)")
    graph.add_argument("--format", choices=("mermaid", "dot", "svg"), help="default: by FILE, or mermaid")
    graph.add_argument("-o", "--output", dest="output", metavar="FILE", type=Path, help="write it there")
