"""Running workflows on this machine: where the API, the engine and the executors are put together."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
from dflow import report
from dflow.compile import compile_workflow
from dflow.config import config
from dflow.engine import control
from dflow.engine.errors import ConfigError, LeaseHeld, StateError, UnsupportedError
from dflow.engine.lease import is_running
from dflow.engine.model import PythonOpTemplate
from dflow.engine.phase import Phase
from dflow.engine.runner import create_run, run
from dflow.engine.settings import RunSettings
from dflow.engine.state import write_text
from dflow.executors import make_executor
from dflow.python import upload_packages
from dflow.utils import randstr

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph
    from dflow.engine.node import Node
    from dflow.engine.runner import RunResult
    from dflow.workflow import Workflow

__all__ = ["continue_run", "delete", "last_phase", "request", "run_settings", "start_runner", "submit"]

_log = logging.getLogger("dflow")
_MODES = ("debug",)
_IGNORED = ("volumes", "mounts", "init_containers", "sidecars", "pvcs")
_IN_BACKGROUND = ("/bin/sh", "-c", '"$@" >>"$0" 2>&1 </dev/null &')
_last: list[str] = []


def submit(workflow: Workflow, detach: bool) -> Workflow:
    """Compile a workflow, make its run directory and run it.

    Raises:
        CompileError: it cannot run as it is; nothing was written.
        StateError: its directory cannot be made.
        StepFailed: it failed, and ``DFLOW_RAISE`` is set.
    """
    _check_platform()
    graph = compile_workflow(workflow)
    _warn_of_what_is_ignored(graph)
    root = Path(str(config["debug_workdir"])).absolute()
    name = workflow.id or f"{workflow.name}-{randstr()}"
    layout = create_run(root / name, graph, run_settings(graph))
    workflow.id = layout.id
    report.say(f"Workflow is running locally (ID: {layout.id})")
    if detach:
        start_runner(layout)
    else:
        continue_run(layout)
        if os.environ.get("DFLOW_RAISE") == "1":
            workflow.raise_for_status()
    return workflow


def continue_run(layout: RunLayout, again: Callable[[Node], bool] | None = None) -> RunResult:
    """Run, or go on with, a workflow that has a directory, and print how it ended.

    Raises:
        LeaseHeld: somebody else runs it.
        KeyboardInterrupt: Ctrl-C; all steps are ended.
    """
    try:
        result = run(layout, make_executor, again=again)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(report.interrupted(layout)) from None
    except SystemExit:
        report.complain(report.interrupted(layout))
        raise
    _last[:] = [result.phase.value]
    report.ended(layout, result)
    return result


def last_phase() -> str | None:
    """How the last workflow of this process ended; None when there was none."""
    return _last[-1] if _last else None


def run_settings(graph: WorkflowGraph) -> RunSettings:
    """The settings of a run, from ``config`` and this process."""
    packages = [os.path.abspath(str(p)) for p in upload_packages]
    packages += [p for t in graph.templates if isinstance(t, PythonOpTemplate) for p in t.packages]
    for package in packages:
        if not os.path.exists(package):
            raise ConfigError(f"there is no package {package}, which upload_packages or python_packages= names")
    return RunSettings(
        pool_workers=config["debug_pool_workers"],
        copy_method=str(config["debug_copy_method"]),
        save_copy_method=str(config["debug_save_copy_method"]),
        isolation=str(config["isolation"]),
        python=sys.executable,
        module_path=tuple(os.path.abspath(p) for p in sys.path),
        packages=tuple(dict.fromkeys(packages)),
        library=str(Path(next(iter(dflow.__path__))).absolute()),
    )


def request(layout: RunLayout, verb: str, timeout: float = 30.0) -> None:
    """Ask the runner of a workflow for something and wait until it is done; without a runner, do it here."""
    if not is_running(layout):
        if Phase(layout.status.read_text()).is_final:
            return
        write_text(layout.status, Phase.TERMINATED.value if verb == "terminate" else Phase.FAILED.value)
        return
    control.post_request(layout, verb)
    deadline = time.monotonic() + timeout
    while is_running(layout) and time.monotonic() < deadline:
        time.sleep(0.05)
    if is_running(layout):
        _log.warning("workflow %s has not ended %g seconds after it was asked to %s", layout.id, timeout, verb)


def delete(layout: RunLayout) -> None:
    """Delete the directory of a workflow.

    Raises:
        LeaseHeld: it runs.
        StateError: it cannot be deleted.
    """
    if is_running(layout):
        raise LeaseHeld(f"workflow {layout.id} is running; end it first with: dflow terminate {layout.id}")
    try:
        shutil.rmtree(layout.root)
    except OSError as exc:
        raise StateError(f"cannot delete {layout.root}: {exc}") from exc


def start_runner(layout: RunLayout) -> None:
    """Run the workflow in a process of its own that outlives this one, and return when it has begun.

    Raises:
        LeaseHeld: it runs already.
    """
    if is_running(layout):
        raise LeaseHeld(f"workflow {layout.id} is running already; watch it with: dflow get {layout.id}")
    earlier = _last_runner(layout)
    runner = [sys.executable, "-m", "dflow.cli", "resume", str(layout.root)]
    # The shell ends at once, so the runner has no parent that would have to wait for it.
    subprocess.run([*_IN_BACKGROUND, str(layout.runner_log), *runner], check=True, start_new_session=True)
    deadline = time.monotonic() + 10
    while not _has_begun(layout, earlier) and time.monotonic() < deadline:
        time.sleep(0.02)


def _has_begun(layout: RunLayout, earlier: str | None) -> bool:
    """Whether a runner that is not the ``earlier`` one has taken over, and the status is its own."""
    if _last_runner(layout) == earlier:
        return False
    return layout.status.read_text() == Phase.RUNNING.value or not is_running(layout)


def _last_runner(layout: RunLayout) -> str | None:
    return layout.pid.read_text() if layout.pid.exists() else None


def _check_platform() -> None:
    if os.name != "posix":
        raise UnsupportedError(
            "workflows run on Linux and macOS; on Windows use WSL2 (building and exporting work here)"
        )
    if config["mode"] not in _MODES:
        raise UnsupportedError(
            f"config['mode'] is {config['mode']!r}; this version runs workflows locally, with mode 'debug'"
        )


def _warn_of_what_is_ignored(graph: WorkflowGraph) -> None:
    """One warning for what would change the result on Kubernetes, and is not done here."""
    found: dict[str, str] = {}
    for template in graph.templates:
        text: Any = getattr(getattr(template, "pod", None), "kubernetes", None) or ""
        for name in _IGNORED:
            if f'"{name}":' in text:
                found.setdefault(name, template.name)
    if found:
        _log.warning(
            "local runs ignore %s", ", ".join(f"{name} (template {template!r})" for name, template in found.items())
        )
