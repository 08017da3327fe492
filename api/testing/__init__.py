"""Tests of OPs and workflows with pytest, and checks for what users write themselves.

``run_op``, ``run_workflow``, ``assert_phases`` and ``assert_outputs`` are described in docs/how-to/test-ops.md; checks
of object stores are in ``dflow.testing.storage``. Names load when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "File": "inputs",
    "NetworkBlocked": "dflow.python.offline",
    "OPResult": "results",
    "RecordingMismatch": "recording",
    "RunResult": "results",
    "StepResult": "results",
    "UnexpectedPhase": "workflows",
    "assert_outputs": "comparing",
    "assert_phases": "comparing",
    "offline": "dflow.python.offline",
    "parametrize_slices": "parametrizing",
    "run_op": "running",
    "run_workflow": "workflows",
}

__all__ = [
    "File",
    "NetworkBlocked",
    "OPResult",
    "RecordingMismatch",
    "RunResult",
    "StepResult",
    "UnexpectedPhase",
    "assert_outputs",
    "assert_phases",
    "offline",
    "parametrize_slices",
    "run_op",
    "run_workflow",
]

if TYPE_CHECKING:
    from dflow.python.offline import NetworkBlocked, offline
    from dflow.testing.comparing import assert_outputs, assert_phases
    from dflow.testing.inputs import File
    from dflow.testing.parametrizing import parametrize_slices
    from dflow.testing.recording import RecordingMismatch
    from dflow.testing.results import OPResult, RunResult, StepResult
    from dflow.testing.running import run_op
    from dflow.testing.workflows import UnexpectedPhase, run_workflow


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'dflow.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(home if "." in home else f"dflow.testing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
