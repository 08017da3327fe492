"""The verbs of the command line. Each exits with 0, with 1 after a failure, with 2 for a wrong command."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dflow import __version__
from dflow.cli.keeping import gc_options, pack_options, unpack_options
from dflow.config import is_remote
from dflow.engine.errors import DflowError
from dflow.executors.secrets import VARIABLE, take_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

_EPILOG = """examples:
  dflow run train.py --epochs 3      run a script; exits 1 when its workflow fails
  dflow list                         runs in this directory
  dflow getsteps my-wf-x3k9a         steps of a run (the beginning of its id is enough)
  dflow logs my-wf-x3k9a train       what a step printed
  dflow retry my-wf-x3k9a            run what failed once more
"""
_MODULES = {
    "doctor": "doctor",
    "graph": "graph",
    "export": "argo",
    "lint_file": "argo",
    "run_manifest": "argo",
    "gc": "gc",
    "pack": "pack",
    "unpack": "pack",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a symbol shows a question mark
    if VARIABLE in os.environ:
        take_over()
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.verb is None:
        parser.print_help()
        return 2
    try:
        return int(options.function(options) or 0)
    except DflowError as exc:
        sys.stderr.write(f"dflow: {exc}\n")
        return 1
    except KeyboardInterrupt as exc:
        sys.stderr.write(f"\nInterrupted: {exc}\n" if exc.args else "\nInterrupted\n")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dflow",
        description="Run scientific workflows and look at them.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pydflow {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    _running_verbs(verbs)
    _reading_verbs(verbs)
    _ending_verbs(verbs)
    return parser


def _running_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="run a script and exit 1 when its last workflow failed")
    run.add_argument("script", type=Path, help="a Python script, or a manifest (.yaml, .json)")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the script, options of submit")
    run.set_defaults(function=_late("run_script"))
    _manifest_verbs(verbs)
    resume = _verb(verbs, "resume", "go on with a run that waits or was interrupted; finished steps stay", "resume")
    resume.add_argument("--detach", action="store_true", help="run in the background")
    resume.add_argument("--takeover", action="store_true", help="take the run from a process of another host")
    resume.add_argument(
        "--output", action="append", metavar="NAME=VALUE", help="a value for an output of steps that wait for it"
    )
    resume.add_argument("--step", action="append", help="only this one of the steps that wait: its key or its name")
    _with_code(resume)
    again = _verb(verbs, "resubmit", "run the workflow of a run anew, under another id", "resubmit")
    again.set_defaults(function=_late("resubmit"))
    waiting = _verb(verbs, "wait", "wait until a run has ended; exit 1 when it failed", "wait")
    waiting.add_argument("--interval", type=float, default=0.5, help="seconds between looks (default: 0.5)")
    retry = _verb(verbs, "retry", "run the failed steps of a run again", "retry")
    retry.add_argument("--step", help="only this step: its key or its name")
    _with_code(retry)


def _manifest_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    submit = verbs.add_parser("submit", help="run a manifest of Argo, on this machine unless the mode is another")
    submit_options(submit)
    submit.set_defaults(function=_late("run_manifest"))
    export = verbs.add_parser("export", help="write the workflow of a script as a manifest of Argo")
    export.add_argument("script", type=Path, help="a Python script; nothing of its workflow runs")
    export.add_argument(
        "-o", dest="output", metavar="FILE", type=Path, help="write it there, with what must be uploaded"
    )
    export.add_argument("--kind", choices=("Workflow", "WorkflowTemplate", "CronWorkflow"), help="default: Workflow")
    export.add_argument("--name", help="metadata.name, in place of a generated one")
    export.add_argument("--schedule", help="of a CronWorkflow, such as '0 2 * * *'")
    export.set_defaults(function=_late("export"))
    lint = _with_json(verbs.add_parser("lint", help="say what is wrong with manifests, or with what a script exports"))
    lint.add_argument("file", type=Path, help="a manifest (.yaml, .json), or a Python script")
    lint.set_defaults(function=_late("lint_file"))


def submit_options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What can be said of a manifest that is run."""
    parser.add_argument("file", type=Path, help="a manifest (.yaml, .json); what it refers to is in the same file")
    parser.add_argument(
        "-p", "--parameter", action="append", metavar="NAME=VALUE", help="a workflow parameter, in place of its value"
    )
    parser.add_argument("--entrypoint", help="the template that runs first")
    parser.add_argument("--detach", action="store_true", help="run in the background")
    return parser


def _reading_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    runs = verbs.add_parser("list", help="runs in this directory")
    runs.add_argument("--dir", type=Path, help="another directory (default: $DFLOW_DEBUG_WORKDIR, or this one)")
    _with_json(runs).set_defaults(function=_late("list_runs"))
    _with_json(_verb(verbs, "get", "what is known of a run", "get"))
    steps = _with_json(_verb(verbs, "getsteps", "steps of a run", "getsteps"))
    steps.add_argument("--name", help="a regular expression for the beginning of the name")
    steps.add_argument("--key", help="one key, or several with commas")
    steps.add_argument("--phase", help="one phase, or several with commas")
    steps.add_argument("--type", help="Pod, HTTP, Suspend, Steps, DAG or Skipped")
    _with_json(_verb(verbs, "getkeys", "keys of the steps of a run", "getkeys"))
    _with_json(
        _verb(verbs, "doctor", "what is wrong with a run, and what a resume would do; changes nothing", "doctor")
    )
    explain = _with_json(
        _verb(verbs, "explain", "why a step ran, or did not, and what its result depends on", "explain")
    )
    explain.add_argument("step", help="its key, its name, or its id")
    graph = verbs.add_parser("graph", help="draw a workflow", description="Draw a workflow.")
    graph.add_argument("source", help="a Python script, a run, a manifest (.yaml) or a graph (.json)")
    graph.add_argument("--format", choices=("mermaid", "dot", "svg"), help="default: by FILE, or mermaid")
    graph.add_argument("-o", dest="output", metavar="FILE", type=Path, help="write it there")
    graph.set_defaults(function=_late("graph"))
    logs = _with_json(_verb(verbs, "logs", "what a step printed", "logs"))
    logs.add_argument("step", help="its key, its name, or its id")


def _ending_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _verb(verbs, "suspend", "start no more steps of a run until it is resumed", "suspend")
    _verb(verbs, "terminate", "end all running steps of a run at once", "terminate")
    _verb(verbs, "stop", "end all running steps of a run; it becomes Failed", "stop")
    _verb(verbs, "delete", "delete the directory of a run", "delete")
    _keeping_verbs(verbs)


def _keeping_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    cleaning = verbs.add_parser("gc", help="show which runs, or parts of them, can be deleted, and delete them")
    gc_options(_with_json(cleaning))
    cleaning.set_defaults(function=_late("gc"))
    pack_options(_verb(verbs, "pack", "write a run, with all that it needs, into one file", "pack"))
    unpacking = verbs.add_parser("unpack", help="make a run of what dflow pack has written")
    unpack_options(unpacking)
    unpacking.set_defaults(function=_late("unpack"))


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str, function: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("id", help="the id of the run, its beginning, the path of its directory, or @latest")
    parser.set_defaults(function=_late(function))
    return parser


def _with_code(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--code",
        choices=("current", "recorded"),
        default="current",
        help="modules of OPs as they are now (default), or as their files were at submit",
    )


def _with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _late(name: str) -> Callable[[argparse.Namespace], int | None]:
    """A verb whose code is loaded when it is used."""

    def call(options: argparse.Namespace) -> int | None:
        from importlib import import_module

        module = f"dflow.cli.{_MODULES.get(name, 'verbs')}"
        if is_remote() and hasattr(import_module("dflow.cli.server"), name):
            module = "dflow.cli.server"
        result: int | None = getattr(import_module(module), name)(options)
        return result

    return call
