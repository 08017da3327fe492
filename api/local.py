"""Running workflows on this machine: where the API, the engine and the executors are put together."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dflow import lineage, nested, observing, report
from dflow.ahead import load_first_op
from dflow.compile import compile_with_secrets
from dflow.engine import control
from dflow.engine.around import Around
from dflow.engine.errors import ConfigError, LeaseHeld, StateError, UnsupportedError
from dflow.engine.layout import RunLayout, is_run
from dflow.engine.lease import held_by, holder, is_running, refuse_if_held, silence
from dflow.engine.phase import Phase
from dflow.engine.process import end_steps
from dflow.engine.reuse import save_reused
from dflow.engine.run_directory import create_run, load_graph, write_graph
from dflow.engine.runner import RunResult, run
from dflow.engine.settings import load_settings
from dflow.engine.state import read_text, write_text
from dflow.executors import make_executor, make_other
from dflow.python.code import keep_code, use_code, warn_of_changes
from dflow.python.pickled_code import edited_files
from dflow.run_ids import checked_id, take_id
from dflow.run_secrets import keep_secrets, known_secrets
from dflow.run_settings import run_settings, warn_of_what_is_ignored
from dflow.stores import open_store
from dflow.terminal.display import display
from dflow.utils import randstr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dflow.engine.model import WorkflowGraph
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings
    from dflow.executors.first import First
    from dflow.terminal.display import Display
    from dflow.workflow import Workflow

__all__ = ["continue_run", "delete", "is_done", "last_phase", "request", "retry", "submit"]

_log = logging.getLogger("dflow")
_last: list[str] = []
_compiling = threading.Lock()
"""One thread at a time: it parses sources, and in Python 3.11 two threads that parse at once can spoil it for both."""


def submit(
    workflow: Workflow,
    detach: bool,
    reuse: Sequence[Any] | None = None,
    *,
    strict: bool = False,
    server: First | None = None,
) -> Workflow:
    """Compile a workflow, make its run directory and run it.

    Args:
        reuse: steps that steps of the same key take their outputs from; None leaves what an earlier attempt was given.
        strict: a step refuses to take what was made from something else.
        server: the first server of the run's processes, started already.

    Raises:
        CompileError: it cannot run as it is; nothing was written.
        StateError: its directory cannot be made.
        StepFailed: it failed, and ``DFLOW_RAISE`` is set.
    """
    from dflow.reusable import reusable

    _check_platform()
    with _compiling:
        graph, secrets = compile_with_secrets(workflow)
    warn_of_what_is_ignored(graph)
    taken = [replace(step, strict=strict) for step in reusable(reuse)] if reuse else []
    client, observers = lineage.packed_client(), observing.checked_observers(detach)
    root = nested.folder()
    offered = take_id(workflow.id, graph.name, root)
    name = checked_id(workflow.id or offered or nested.next_id(workflow.name) or f"{workflow.name}-{randstr()}")
    if is_run(root / name):
        layout, again = _restart(RunLayout(root / name), graph, workflow.namespace), _failed
    else:
        settings = run_settings(graph, workflow.namespace)
        _refuse_to_leave_alone(settings, detach)
        layout, again = create_run(root / name, graph, settings), None
        keep_code(layout, graph, settings.module_path)
    if reuse or (reuse is not None and layout.reuse.exists()):
        save_reused(layout, taken)
    if client is not None or again is not None:
        lineage.keep_client(layout, client)
    if observers or again is not None:
        observing.keep_observers(layout, observers)
    keep_secrets(layout, secrets)
    workflow.id = layout.id
    report.say(f"Workflow is running locally (ID: {layout.id})")
    if detach and nested.enclosing_step() is None:
        from dflow.background import start_runner

        start_runner(layout, verb="resume" if again is None else "retry")
    else:  # a step waits for its workflows: they are a part of it
        if server is not None and again is None and not reuse:
            load_first_op(server, layout, graph)
        continue_run(layout, again, server=server)
        if os.environ.get("DFLOW_RAISE") == "1":
            workflow.raise_for_status()
    return workflow


def _refuse_to_leave_alone(settings: RunSettings, detach: bool) -> None:
    """Another process cannot have an object of this one."""
    if detach and settings.objects is not None and settings.objects.get("client") == "object":
        raise ConfigError(
            "a detached run makes its storage client itself: give s3_config['storage_client'] as an import path such "
            "as 'package.module.Class', not as an object"
        )


def resubmit(layout: RunLayout) -> Workflow:
    """Run the graph of a run anew, under another id, and wait."""
    from dflow.workflow import Workflow

    graph, settings = load_graph(layout), load_settings(layout.settings)
    for text in edited_files(layout, graph, settings.module_path, anew=True):
        _log.warning("%s", text)
    anew = create_run(layout.root.with_name(f"{graph.name}-{randstr()}"), graph, settings)
    keep_code(anew, graph, settings.module_path, earlier=layout)
    keep_secrets(anew, known_secrets(layout))
    if layout.client.exists():
        shutil.copy(layout.client, anew.client)
    report.say(f"Workflow is running locally (ID: {anew.id})")
    continue_run(anew)
    return Workflow(name=graph.name, id=anew.id)


def retry(layout: RunLayout, wanted: Sequence[str] = (), *, code: str = "current") -> RunResult | None:
    """Run steps of a run once more, by id, key or name, or without any all that failed.

    A live runner is asked to do that when the attempt that goes on has ended; then nothing is waited for, and the
    result is None.

    Raises:
        RunNotFound: the run has no such step.
        LeaseHeld: another host runs it, which gives no sign of life.
    """
    _check_steps(layout, wanted)
    if is_running(layout) and _asked_to_retry(layout, wanted):
        return None
    if not wanted:
        return continue_run(layout, _failed, code=code)
    return continue_run(layout, lambda node: bool({node.id, node.key, node.display} & set(wanted)), code=code)


def _asked_to_retry(layout: RunLayout, wanted: Sequence[str]) -> bool:
    """Ask the runner; False when it has ended before it took that up."""
    current = holder(layout)
    if current is not None and silence(layout) is not None:
        raise LeaseHeld(held_by(layout, current))
    warn_of_changes(layout, live=True)
    request = control.post_request(layout, "retry", steps=list(wanted))
    while request.exists():
        if not is_running(layout):
            request.unlink(missing_ok=True)
            return False
        time.sleep(0.05)
    return True


def _check_steps(layout: RunLayout, wanted: Sequence[str]) -> None:
    from dflow.query import read_nodes

    known = {word for node in read_nodes(layout) for word in (node.id, node.key, node.display)}
    for word in wanted:
        if word not in known:
            raise report.no_such_step(layout.id, word, known)


def resume(
    layout: RunLayout,
    outputs: Mapping[str, Any] | None = None,
    steps: Sequence[str] = (),
    *,
    flags: Sequence[str] = (),
) -> None:
    """Take back a suspend, and have steps go on that wait; without a live runner, start one in the background.

    Args:
        outputs, steps: see ``dflow.waiting.go_on``; without them all steps go on that need no value.
        flags: of ``dflow resume``, for a new runner.
    """
    from dflow.background import start_runner
    from dflow.query import read_status
    from dflow.waiting import go_on, still_needed

    live = is_running(layout)
    if live:
        warn_of_changes(layout, live=True)
    if outputs or steps:
        go_on(layout, outputs or {}, steps, flags=flags)
    elif live:
        for advice in still_needed(layout):
            _log.warning("%s", advice)
        control.post_request(layout, "resume")
    elif not Phase(read_status(layout)).is_ok:
        start_runner(layout, *flags)


def post(layout: RunLayout, verb: str) -> None:
    """Leave a request for the runner.

    Raises:
        StateError: there is no runner.
    """
    if not is_running(layout):
        raise StateError(f"workflow {layout.id} is not running")
    control.post_request(layout, verb)


def _failed(node: Node) -> bool:
    return node.phase.is_failure


def _restart(layout: RunLayout, graph: WorkflowGraph, namespace: str) -> RunLayout:
    """Make an earlier run ready to be gone on with by this graph.

    Raises:
        LeaseHeld: it runs.
        StateError: it has succeeded already, and is not submitted by a step that is run again.
    """
    from dflow.query import read_status

    refuse_if_held(layout)
    if read_status(layout) == Phase.SUCCEEDED.value and nested.enclosing_step() is None:
        raise StateError(f"{layout.root} is there already, and has succeeded: choose another id")
    settings = run_settings(graph, namespace)
    write_graph(layout, graph, settings)
    keep_code(layout, graph, settings.module_path)
    return layout


def continue_run(
    layout: RunLayout,
    again: Callable[[Node], bool] | None = None,
    *,
    code: str | None = None,
    takeover: bool = False,
    server: First | None = None,
) -> RunResult:
    """Run, or go on with, a workflow that has a directory, and print how it ended.

    Args:
        again: which finished steps to run again; None for none.
        code: ``"current"`` or ``"recorded"``, see ``dflow.python.code``; None where it was just submitted.
        takeover: take it over from a process of another host.
        server: the first server of its processes, started already.

    Raises:
        LeaseHeld: somebody else runs it.
        KeyboardInterrupt: Ctrl-C; all steps are ended.
    """
    refuse_if_held(layout, takeover=takeover)
    if code is not None and again in (None, _failed) and not takeover and is_done(layout):
        _last[:] = [Phase.SUCCEEDED.value]
        report.say(f"Workflow {layout.id} has succeeded before; there is nothing left to do")
        return RunResult(Phase.SUCCEEDED, ())
    if code is not None:
        use_code(layout, code)
    registrar = lineage.open_registrar(layout)
    feed = observing.open_feed(layout)
    try:
        with display(layout) as shown:
            told, given = partial(_tell, layout, shown), known_secrets(layout)
            around = Around(nested.shared_slots(), told, open_store, registrar, make_other, given)
            make = partial(make_executor, ahead=server)
            result = run(layout, make, again=again, takeover=takeover, around=around)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(report.interrupted(layout)) from None
    except SystemExit:
        report.complain(report.interrupted(layout))
        raise
    finally:
        if registrar is not None:
            registrar.close(wait=nested.enclosing_step() is not None)
        if feed is not None:
            feed.close()
    return result


def is_done(layout: RunLayout) -> bool:
    """Whether a run has succeeded, and lacks nothing of what it has made."""
    from dflow.engine.doctor import examine

    if not layout.status.is_file() or read_text(layout.status).strip() != Phase.SUCCEEDED.value:
        return False
    return not any(finding.wrong for finding in examine(layout).findings)


def _tell(layout: RunLayout, shown: Display, result: RunResult) -> None:
    """Remember and print how a run ended."""
    _last[:] = [result.phase.value]
    shown.end()
    report.ended(layout, result)


def last_phase() -> str | None:
    """How the last workflow of this process ended; None when there was none."""
    return _last[-1] if _last else None


def request(layout: RunLayout, verb: str, timeout: float = 30.0) -> bool:
    """Ask the runner of a workflow to end it and wait for that; without a runner, do it here.

    Returns:
        False when the workflow had ended already.

    Raises:
        LeaseHeld: the runner is on another host, which gives no sign of life.
    """
    from dflow.query import read_status

    current = holder(layout)
    if current is not None and silence(layout) is not None:
        raise LeaseHeld(held_by(layout, current))
    if not is_running(layout):
        end_steps(layout.root)  # what an engine that was killed has left
        if Phase(read_status(layout)).is_final and read_text(layout.status) != Phase.RUNNING.value:
            return False
        write_text(layout.status, Phase.TERMINATED.value if verb == "terminate" else Phase.FAILED.value)
        return True
    control.post_request(layout, verb)
    deadline = time.monotonic() + timeout
    while is_running(layout) and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_running(layout):
        _log.warning("workflow %s has not ended %g seconds after it was asked to %s", layout.id, timeout, verb)
    return True


def delete(layout: RunLayout) -> None:
    """Delete the directory of a workflow.

    Raises:
        LeaseHeld: it runs.
        StateError: it cannot be deleted.
    """
    if is_running(layout):
        raise LeaseHeld(f"workflow {layout.id} is running; end it first with: dflow terminate {layout.id}")
    end_steps(layout.root)
    try:
        shutil.rmtree(layout.root)
    except OSError as exc:
        raise StateError(f"cannot delete {layout.root}: {exc}") from exc


def _check_platform() -> None:
    if os.name != "posix":
        raise UnsupportedError(
            "workflows run on Linux and macOS; on Windows use WSL2 (building and exporting work here)"
        )
