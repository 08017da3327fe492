"""Workflows in hostile places."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from dflow import (
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> None:
    for variable in [name for name in os.environ if name.startswith("DFLOW_")]:
        monkeypatch.delenv(variable)


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=2000", "tmpfs", str(place)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture
def chain(tmp_path: Path) -> Callable[..., Workflow]:
    """Three steps with the keys a, b and c. Each adds one, makes a file, and says so in the file ``witness``."""
    witness = tmp_path / "witness"

    def make(script: str = "", **arguments: Any) -> Workflow:
        wf, x = Workflow("hostile", id="hostile", **arguments), "1"
        for key in "abc":
            text = f"echo {key} >> {witness}\n{script}\n"
            template = ShellOPTemplate(
                f"add-{key}",
                script=text + "echo $(({{inputs.parameters.x}} + 1)) > /tmp/x; echo {{inputs.parameters.x}} > /tmp/f",
                inputs=Inputs(parameters={"x": InputParameter()}),
                outputs=Outputs(
                    parameters={"x": OutputParameter(value_from_path="/tmp/x")},
                    artifacts={"f": OutputArtifact(path="/tmp/f")},
                ),
            )
            step = Step(key, template, parameters={"x": x}, key=key)
            wf.add(step)
            x = step.outputs.parameters["x"]
        return wf

    return make


@pytest.fixture
def witness(tmp_path: Path) -> Callable[[], str]:
    """Which steps of :func:`chain` ran, in order."""
    return lambda: "".join((tmp_path / "witness").read_text().split())


@pytest.fixture
def dflow_cli() -> Callable[..., subprocess.CompletedProcess[str]]:
    """A command line."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dflow.cli", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run
