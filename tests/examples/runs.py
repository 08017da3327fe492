"""Examples run as a user runs them: ``dflow run SCRIPT``, in a fresh directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["EXAMPLES", "Run", "assert_picture", "outputs", "run_example"]

EXAMPLES = Path(__file__).parents[2] / "examples"


class Run(NamedTuple):
    """One finished run of an example: what it printed, and where it ran."""

    output: str
    folder: Path


def run_example(folder: Path, script: str, *arguments: str, verb: str = "run") -> Run:
    """Run ``dflow run SCRIPT`` in the folder, to its success; ``script`` is a path below ``examples/``, or a file."""
    before = _files()
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", verb, str(EXAMPLES / script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert _files() == before, "a run leaves nothing in the folder of the examples"
    return Run(done.stdout, folder)


def _files() -> set[Path]:
    return set(EXAMPLES.rglob("*"))


def outputs(run: Run, key: str) -> dict[str, Any]:
    """The output parameters of the step with this key, of the only run in the folder."""
    from dflow import Workflow, config

    (directory,) = (path.parent for path in run.folder.glob("*/status"))
    before, config["debug_workdir"] = config["debug_workdir"], str(run.folder)
    try:
        (step,) = Workflow(id=directory.name).query_step(key=key)
        return {name: parameter.value for name, parameter in step.outputs.parameters.items()}
    finally:
        config["debug_workdir"] = before


def assert_picture(file: Path) -> None:
    """Check that a file is a picture that can be read, of a sensible size, neither blank nor a blot."""
    from matplotlib.image import imread

    pixels = imread(file)  # decodes the whole file
    height, width = pixels.shape[:2]
    assert 500 <= width <= 2000
    assert 300 <= height <= 1500
    assert (pixels[..., :3] < 0.9).any(axis=-1).mean() > 0.005
    assert pixels[..., :3].std() > 0.02
