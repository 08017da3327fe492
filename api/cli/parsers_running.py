"""The verbs that run something."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.parsing import STEP, with_code, with_json, with_script_arguments

if TYPE_CHECKING:
    from dflow.cli.parsing import Verbs

__all__ = ["add_running", "submit_options"]


def add_running(verbs: Verbs) -> None:
    """``run``, ``submit``, ``resume``, ``retry``, ``resubmit``, ``debug``, ``wait``."""
    _run_and_submit(verbs)
    _resume(verbs)
    retry = verbs.of_run(
        "retry",
        "run the failed steps of a run again, or one step",
        "dflow retry train-x3k9a",
        "dflow retry @latest --step iter-0.train",
        does="running:retry",
    )
    retry.add_argument("-s", "--step", help=f"only this step: {STEP}")
    with_code(with_json(retry))
    again = verbs.of_run(
        "resubmit",
        "run the workflow of a run anew, under another id",
        "dflow resubmit train-x3k9a",
        does="running:resubmit",
    )
    with_json(again)
    _debug(verbs)
    waiting = verbs.of_run(
        "wait",
        "wait until a run has ended; exit 1 when it failed",
        "dflow wait @latest && echo done",
        does="looking:wait",
    )
    waiting.add_argument(
        "-i", "--interval", type=float, default=0.5, metavar="SECONDS", help="between two looks (default: 0.5)"
    )
    with_json(waiting)


def _run_and_submit(verbs: Verbs) -> None:
    run = verbs.add(
        "run",
        "run a script; exit 1 when its last workflow failed",
        "dflow run train.py --epochs 3        what comes after the script is the script's",
        "dflow run --detach train.py          returns when the workflow has begun; it outlives the terminal",
        "dflow run hello.yaml -p who=world    as dflow submit",
        "dflow run --id train-x3k9a train.py  goes on with that run, with the code as it is now",
        does="running:run_script",
    )
    with_script_arguments(run, "dflow run [--detach] [--quiet] [--id ID] SCRIPT [ARGUMENT …]")
    run.add_argument(
        "--detach", action="store_true", help="workflows go on in the background, as with DFLOW_DETACH=1; before SCRIPT"
    )
    run.add_argument("-q", "--quiet", action="store_true", help="show no progress, as with DFLOW_PROGRESS=none")
    run.add_argument(
        "--id",
        metavar="ID",
        help="of the first workflow that has none of its own; with the id of a run that has not succeeded, it goes on "
        "with that",
    )
    run.add_argument("script", metavar="SCRIPT", type=Path, help="a Python script, or a manifest (.yaml, .json)")
    run.add_argument(
        "arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="of the script; of a manifest: as of submit"
    )
    submit = verbs.add(
        "submit",
        "run a manifest of Argo",
        "dflow submit hello.yaml -p who=world",
        "DFLOW_MODE=argo dflow submit hello.yaml --detach",
        does="argo:run_manifest",
    )
    with_json(submit_options(submit))


def submit_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What can be said of a manifest that is run."""
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="a manifest (.yaml, .json); what it refers to is in the same file"
    )
    parser.add_argument(
        "-p", "--parameter", action="append", metavar="NAME=VALUE", help="a workflow parameter, in place of its value"
    )
    parser.add_argument("--entrypoint", metavar="TEMPLATE", help="the template that runs first")
    parser.add_argument("-n", "--name", metavar="ID", help="the id of the run (default: made from the manifest's name)")
    parser.add_argument("-d", "--detach", action="store_true", help="run in the background")
    return parser


def _resume(verbs: Verbs) -> None:
    resume = verbs.of_run(
        "resume",
        "go on with a run that waits or was interrupted",
        "dflow resume train-x3k9a",
        "dflow resume @latest --detach",
        "dflow resume train-x3k9a --step approve --output answer=yes",
        does="running:resume",
    )
    resume.add_argument("--detach", action="store_true", help="run in the background")
    resume.add_argument("--takeover", action="store_true", help="take the run from a process of another host")
    resume.add_argument(
        "--output", action="append", metavar="NAME=VALUE", help="a value for an output of steps that wait for it"
    )
    resume.add_argument("--step", action="append", help="only this one of the steps that wait: its key or its name")
    with_code(with_json(resume))


def _debug(verbs: Verbs) -> None:
    debug = verbs.of_run(
        "debug",
        "run one step again here, in a copy of its directory",
        "dflow debug @latest train            its output comes to the terminal, its exit status is the command's",
        "dflow debug train-x3k9a iter-0.train --pdb",
        does="debugging:debug",
    )
    debug.add_argument("step", metavar="STEP", help=STEP)
    debug.add_argument(
        "--pdb", action="store_true", help="stop in the debugger where an OP, or a Python script, raises"
    )
    debug.add_argument(
        "--isolation",
        choices=("spawn", "fork", "warm"),
        default="spawn",
        help="a fresh interpreter on this terminal (default), or as steps of runs are, with the log shown as it comes",
    )
    debug.add_argument(
        "--inputs",
        choices=("copy", "link"),
        help="copies of the input artifacts, or links to them (default: copies, if they are at most 256 MB in all)",
    )
