"""Tests of the plugin run pytest on small test files of their own."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib.metadata import entry_points

import dflow.testing
import pytest

LOADED_LATE = (
    "dflow.python.offline",
    "anyio",
    "cloudpickle",
    "dflow.background",
    "dflow.local",
    "dflow.query",
    "networkx",
    "typeguard",
)


@pytest.fixture(scope="session", autouse=True)
def _loaded():
    """pytester unloads what a run of pytest in this process has loaded: have it loaded before, once."""
    names = [f"dflow.testing.{module.name}" for module in pkgutil.iter_modules(dflow.testing.__path__)]
    for name in [*names, *LOADED_LATE]:
        importlib.import_module(name)


@pytest.fixture
def plugin():
    """The options that load the plugin, whether or not this checkout is installed."""
    is_installed = any(entry.value == "dflow.testing.plugin" for entry in entry_points(group="pytest11"))
    return ["-p", "dflow" if is_installed else "dflow.testing.plugin"]


@pytest.fixture
def check(pytester, monkeypatch, plugin):
    """``check(source, *options)``: what pytest, with the plugin, makes of a test file; None for that of before.

    It runs in this process; with ``apart`` in one of its own.
    """
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))

    def run(source=None, *options, apart=False):
        if source is not None:
            (pytester.path / "test_it.py").write_text(HEAD + source)
        runs = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return runs(*plugin, "-p", "no:cacheprovider", *options)

    return run


HEAD = """
from pathlib import Path
from typing import Dict, List
import pytest
from dflow import Step, Workflow, upload_artifact, argo_range
from dflow.python import OP, OPIO, OPIOSign, Artifact, FatalError, PythonOPTemplate, Slices, TransientError
from dflow.testing import assert_outputs, assert_phases, parametrize_slices, run_op, run_workflow
assert_outputs, assert_phases, parametrize_slices

@OP.function
def repeat(n: int, data: Artifact(Path)) -> {"count": int, "out": Artifact(Path)}:
    if n < 0:
        raise FatalError(f"n is {n}")
    out = Path(f"out-{n}.txt")
    out.write_text(data.read_text() * n)
    with open(Path(__import__("os").environ.get("CALLS", "/dev/null")), "a") as stream:
        stream.write(f"{n}\\n")
    return {"count": n, "out": out}

def repeating(n=2):
    wf = Workflow("w")
    Path("in.txt").write_text("x\\n")
    wf.add(Step("repeat", PythonOPTemplate(repeat), parameters={"n": n}, artifacts={"data": upload_artifact("in.txt")}))
    return wf
"""
