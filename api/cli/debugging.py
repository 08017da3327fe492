"""The verb ``debug``: one step of a run once more, in the foreground, and nothing of the run is changed."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.cli.find import find_run, find_steps
from dflow.cli.parsing import WrongOption
from dflow.engine.errors import ConfigError, DflowError, RunNotFound
from dflow.engine.leaf import collect, judge
from dflow.engine.model import PythonOpTemplate, ScriptTemplate
from dflow.engine.ports import Outcome
from dflow.engine.process import STEP_VARIABLE
from dflow.engine.run_directory import load_graph
from dflow.engine.settings import load_settings
from dflow.engine.state import write_text
from dflow.live.tails import LogFollower, printable
from dflow.python.pickled_code import edited_op
from dflow.scratch import Scratch

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import ExecutorSpec, WorkflowGraph
    from dflow.engine.phase import Phase
    from dflow.engine.ports import Job
    from dflow.engine.settings import RunSettings
    from dflow.query import NodeRecord

__all__ = ["debug"]

_CANNOT_START = 127
_DEBUGGER = "DFLOW_PDB"
"""Asks the runtime of a step for a debugger; it holds what the step's own variable holds."""
_PYTHON = """\
import pdb, runpy, sys, traceback
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except Exception as exc:
    traceback.print_exc()
    pdb.post_mortem(exc.__traceback__)
    sys.exit(1)
"""


def debug(options: argparse.Namespace) -> int:
    """Run a step; the exit status is the step's."""
    layout = find_run(options.id)
    node = _chosen(layout, options.step)
    graph, settings = load_graph(layout), load_settings(layout.settings)
    template = next((t for t in graph.templates if t.name == node.template), None)
    if not isinstance(template, (ScriptTemplate, PythonOpTemplate)):
        raise ConfigError(f"step {options.step!r} runs no program here: there is nothing to debug")
    if options.pdb:
        _check_debugger(options, template, node)
    scratch = Scratch(layout, node, template, settings)
    scratch.place_inputs(options.inputs)
    job = scratch.job(graph, together=not options.pdb)
    for note in _notes(graph, node, template, job):
        _say(note)
    edited = edited_op(layout, template.op, settings.module_path) if isinstance(template, PythonOpTemplate) else None
    if edited is not None:
        _say(f"{edited}; here it is as submitted")
    if scratch.linked:
        _say("its input artifacts are links: what it writes into them changes the run; --inputs copy copies them")
    if options.isolation == "spawn":
        status = _run_here(_with_debugger(job, template) if options.pdb else job)
    else:
        status = _run_as_steps_are(job, replace(settings, isolation=options.isolation, nice=0))
    phase, message = _judged(scratch, status, settings)
    write_text(scratch.step.phase, phase.value)
    _say(f"{_called(node)} ended {phase.value}{f': {message}' if message else ''}")
    for line in _outputs(scratch):
        _say(line)
    but = ", but for what it has written into its input artifacts" if scratch.linked else ""
    _say(f"its files are in {os.path.relpath(scratch.step.root)}; {layout.id} is as it was{but}")
    return status or int(phase.is_failure)


def _say(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"debug: {printable(text)}\n")
    sys.stderr.flush()


def _called(node: NodeRecord) -> str:
    return f"step {node.key or node.display!r}"


def _chosen(layout: RunLayout, word: str) -> NodeRecord:
    """The one step of that key, id or name that has a directory."""
    found = find_steps(layout, word)
    placed = [node for node in found if node.place is not None and node.type == "Pod" and node.place.is_dir()]
    if not placed:
        node = found[0]
        what = f"it is {node.phase.value}" if node.type == "Pod" else f"it is of type {node.type}"
        raise RunNotFound(f"step {word!r} of {layout.id} has run no program: {node.message or what}")
    if len(placed) > 1:
        names = ", ".join(shlex.quote(node.key or node.id) for node in placed[:5])
        raise RunNotFound(f"{len(placed)} steps of {layout.id} are called {word!r}; name one by its key or id: {names}")
    return placed[0]


def _check_debugger(options: argparse.Namespace, template: ScriptTemplate | PythonOpTemplate, node: NodeRecord) -> None:
    if options.isolation != "spawn":
        raise WrongOption("--pdb needs this terminal: leave out --isolation")
    if isinstance(template, ScriptTemplate) and template.language != "python":
        raise WrongOption(f"--pdb is for Python; {_called(node)} runs another program: leave it out")


def _notes(
    graph: WorkflowGraph, node: NodeRecord, template: ScriptTemplate | PythonOpTemplate, job: Job
) -> Iterator[str]:
    """What is not as it was in the run."""
    spec = _executor_of(graph, node)
    if spec is not None and spec.kind == "container":
        image = template.pod.image or "an image"
        yield f"the run had it in a container of {image}; here it is a process of this machine"
    elif spec is not None:
        yield f"the run had it as a job ({spec.kind}); here it is a process of this machine, with nothing of the job's"
    host = node.event.get("host")
    if spec is None and host:
        yield f"the run had it on {host}"
    if job.timeout is not None:
        yield f"its time limit of {job.timeout:g} s does not hold here"
    if node.event.get("reusedFrom") or node.event.get("memoized"):
        yield "in the run its outputs were taken from another run"


def _executor_of(graph: WorkflowGraph, node: NodeRecord) -> ExecutorSpec | None:
    from dflow.cli.calls import calls_of

    name = node.display.partition("(")[0]
    fitting = [call for call in calls_of(graph) if call.name == name and call.template == node.template]
    return next((call.executor for call in fitting if call.executor is not None), None)


def _with_debugger(job: Job, template: ScriptTemplate | PythonOpTemplate) -> Job:
    if isinstance(template, PythonOpTemplate):
        return replace(job, env={**job.env, _DEBUGGER: job.env[STEP_VARIABLE]})
    at = job.argv.index(str(job.step / "script")) if job.step is not None else 1
    return replace(job, argv=(*job.argv[:at], "-c", _PYTHON, *job.argv[at:]))


def _run_here(job: Job) -> int:
    """Run a program on this terminal, which has Ctrl-C to itself."""
    sys.stdout.flush()
    before = signal.getsignal(signal.SIGINT)
    try:
        process = subprocess.Popen(job.argv, cwd=job.cwd, env=dict(job.env))
    except (OSError, ValueError) as exc:
        _say(f"cannot start {job.argv[0]!r}: {exc.strerror if isinstance(exc, OSError) else exc}")
        return _CANNOT_START
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def _run_as_steps_are(job: Job, settings: RunSettings) -> int:
    """Run a program as a run would, and show its log as it comes."""
    import anyio
    from dflow.executors import make_executor

    executor, over = make_executor(settings), threading.Event()
    shown = threading.Thread(target=_show, args=(LogFollower(job.log), over))
    shown.start()
    try:
        outcome = anyio.run(executor.run, job)
    finally:
        over.set()
        shown.join()
        executor.close()
    if outcome.message is not None:
        _say(outcome.message)
    return outcome.exit_code


def _show(log: LogFollower, over: threading.Event) -> None:
    while True:
        is_over = over.is_set()
        while piece := log.read():
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        if is_over:
            log.close()
            return
        over.wait(0.05)


def _judged(scratch: Scratch, status: int, settings: RunSettings) -> tuple[Phase, str]:
    """The phase that the step would have in a run."""
    from dflow.engine.phase import Phase

    phase, message = judge(scratch.node, Outcome(status), None)
    try:
        collect(scratch.node, scratch.template, settings, strict=phase is Phase.SUCCEEDED)
    except DflowError as exc:
        return Phase.ERROR, str(exc)
    return phase, message


def _outputs(scratch: Scratch) -> Iterator[str]:
    for name, text in scratch.node.outputs.items():
        yield f"output {name} = {_short(text)}"
    for name, value in scratch.node.output_artifacts.items():
        if value is not None:
            yield f"output {name}: {os.path.relpath(value.location)}"


def _short(text: Any, width: int = 100) -> str:
    line = repr(text)
    return line if len(line) <= width else line[:width] + " …"
