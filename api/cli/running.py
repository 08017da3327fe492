"""The verbs that run something: ``run``, ``resume``, ``retry``, ``resubmit``."""

from __future__ import annotations

import argparse
import os
import re
import runpy
import sys
from typing import TYPE_CHECKING

from dflow import local, query
from dflow.background import start_runner
from dflow.cli.find import LATEST, find_run, pairs
from dflow.cli.parsing import WrongOption
from dflow.cli.show import acted, note, only_json
from dflow.config import config, is_remote
from dflow.engine.errors import ConfigError
from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.run_ids import offer_id, offered_id, refuse_on_server
from dflow.tracebacks import complain_of_script
from dflow.waiting import waiting_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dflow.engine.layout import RunLayout

__all__ = ["resubmit", "resume", "retry", "run_script"]

_OF_RUN = {"--detach": "--detach", "--quiet": "--quiet", "-q": "-q", "--id": "--id ID"}
"""Options of ``dflow run``, which stand before the script."""


def run_script(options: argparse.Namespace) -> int:
    """Run a script as ``python script`` would, or a manifest, with an exit status that tells of its workflow."""
    script = options.script
    if options.quiet:
        config["progress"] = os.environ["DFLOW_PROGRESS"] = "none"
    if options.id is not None:
        offer_id(find_run(options.id).id if options.id == LATEST else options.id)
        if is_remote():
            refuse_on_server()
    if script.suffix in (".yaml", ".yml", ".json"):
        return _run_manifest(options)
    if not script.is_file():
        raise ConfigError(f"there is no script {script}")
    if options.detach:
        config["detach"] = True
        os.environ["DFLOW_DETACH"] = "1"
    _note_late_options(script, options.arguments)
    sys.argv = [str(script), *options.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit:
        _note_unused_id(script)
        raise
    except Exception as exc:  # noqa: BLE001 - of the script: it is shown as Python would
        complain_of_script(exc)
        return 1
    _note_unused_id(script)
    phase = local.last_phase()
    return 1 if phase is not None and Phase(phase).is_failure else 0


def _note_unused_id(script: Path) -> None:
    left = offered_id()
    if left is not None:
        note(f"no run has got the id {left}: {script} has submitted no workflow without an id of its own")


def _note_late_options(script: Path, arguments: Sequence[str]) -> None:
    """Say of an option of ours behind the script that it is the script's, unless the script seems to know it."""
    for word in arguments:
        option = word.partition("=")[0]
        if option in _OF_RUN:
            text = script.read_text(encoding="utf-8", errors="replace")
            if option not in text and (not option.startswith("--") or not re.search(rf"\b{option[2:]}\b", text)):
                command = f"dflow run {_OF_RUN[option]} {script}"
                note(f"{option} stands behind the script, so it is the script's; else: {command}")


def _run_manifest(options: argparse.Namespace) -> int:
    from dflow.cli.argo import run_manifest
    from dflow.cli.parsers_running import submit_options
    from dflow.cli.parsing import with_json

    parser = with_json(submit_options(argparse.ArgumentParser(prog="dflow run")))
    given = parser.parse_args([str(options.script), *options.arguments])
    given.detach = given.detach or options.detach
    if options.id is not None and given.name is not None:
        raise WrongOption("--id and --name both say the id of the run; give one of them")
    given.verb = options.verb
    return run_manifest(given)


def resume(options: argparse.Namespace) -> int:
    """Go on with a run, suspended or interrupted."""
    layout = find_run(options.id)
    outputs, steps = pairs(options.output, "--output"), options.step or []
    flags = [f"--code={options.code}", *(["--takeover"] if options.takeover else [])]
    waits = not options.takeover and is_running(layout) and (layout.suspended.exists() or waiting_steps(layout))
    if waits or outputs or steps:
        with only_json(options):
            local.resume(layout, outputs, steps, flags=flags)
        return _goes_on(options, layout, f"{layout.id} goes on")
    if options.detach and not local.is_done(layout):
        start_runner(layout, *flags)
        return _goes_on(options, layout, f"{layout.id} goes on in the background; see: dflow wait {layout.id}")
    with only_json(options):
        result = local.continue_run(layout, code=options.code, takeover=options.takeover)
    acted(options, "", layout.id, result.phase.value)
    return 1 if result.phase.is_failure else 0


def resubmit(options: argparse.Namespace) -> int:
    """Run a workflow anew."""
    layout = find_run(options.id)
    with only_json(options):
        workflow = local.resubmit(layout)
    phase = Phase(workflow.query_status())
    acted(options, "", str(workflow.id), phase.value, of=layout.id)
    return 1 if phase.is_failure else 0


def retry(options: argparse.Namespace) -> int:
    """Run failed steps again."""
    layout = find_run(options.id)
    with only_json(options):
        result = local.retry(layout, [options.step] if options.step is not None else [], code=options.code)
    if result is None:
        what = f"step {options.step!r}" if options.step is not None else "what has failed"
        return _goes_on(options, layout, f"{layout.id} is running; when its attempt has ended, {what} is run again")
    acted(options, "", layout.id, result.phase.value)
    return 1 if result.phase.is_failure else 0


def _goes_on(options: argparse.Namespace, layout: RunLayout, text: str) -> int:
    acted(options, text, layout.id, query.read_status(layout))
    return 0
