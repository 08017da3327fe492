"""Running a workflow in a process of its own, which outlives the one that starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dflow
from dflow.engine.errors import StateError
from dflow.engine.lease import is_running, refuse_if_held
from dflow.engine.phase import Phase
from dflow.engine.state import read_text
from dflow.python.code import warn_of_changes

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout

__all__ = ["start_runner"]

_IN_BACKGROUND = ("/bin/sh", "-c", '"$@" >>"$0" 2>&1 </dev/null &')


def start_runner(layout: RunLayout, *options: str, verb: str = "resume") -> None:
    """Run the workflow in a process of its own that outlives this one, and return when it has begun.

    Args:
        options: of the verb.
        verb: ``resume`` or ``retry``.

    Raises:
        LeaseHeld: it runs already.
    """
    refuse_if_held(layout, takeover="--takeover" in options)
    if "--code=recorded" not in options:
        warn_of_changes(layout, live=False)
    earlier = _last_runner(layout)
    runner = [sys.executable, "-m", "dflow.cli", verb, str(layout.root), *options]
    # The shell ends at once, so the runner has no parent that would have to wait for it.
    library = str(Path(next(iter(dflow.__path__))).parent)
    path = os.pathsep.join(p for p in (os.environ.get("PYTHONPATH"), library) if p)
    env = {**os.environ, "PYTHONPATH": path, "DFLOW_PROGRESS": "none", **_secrets()}
    subprocess.run([*_IN_BACKGROUND, str(layout.runner_log), *runner], check=True, start_new_session=True, env=env)
    deadline = time.monotonic() + 20
    while not _has_begun(layout, earlier):
        if time.monotonic() > deadline:
            tail = read_text(layout.runner_log)[-2000:].strip() or "it printed nothing"
            raise StateError(f"the process that should run {layout.id} in the background has not begun: {tail}")
        time.sleep(0.02)


def _secrets() -> dict[str, str]:
    """What the runner is to know and no file may hold."""
    kept = sys.modules.get("dflow.executors.secrets")  # else nothing was kept
    return kept.pass_on() if kept is not None else {}


def _has_begun(layout: RunLayout, earlier: str | None) -> bool:
    """Whether a runner that is not the ``earlier`` one has taken over, and the status is its own."""
    if _last_runner(layout) == earlier:
        return False
    return read_text(layout.status) == Phase.RUNNING.value or not is_running(layout)


def _last_runner(layout: RunLayout) -> str | None:
    return read_text(layout.pid) if layout.pid.exists() else None
