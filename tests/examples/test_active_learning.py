"""The active-learning example stops by its own criterion, and learns."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import Workflow

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

EXAMPLE = Path(__file__).parents[2] / "examples" / "active_learning" / "active_learning.py"


def test_the_error_falls_below_the_tolerance_and_every_iteration_has_its_keys(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "the error is below the tolerance" in done.stdout
    errors = [float(line.split()[-1]) for line in done.stdout.splitlines() if re.match(r"\s+(start|\d+)\s+\d+", line)]
    assert errors[-1] < 0.2 < errors[0] / 10
    assert (tmp_path / "active_learning.png").read_bytes().startswith(b"\x89PNG")
    run = next(tmp_path.glob("active-learning-*"))
    keys = Workflow(id=run.name).query_keys_of_steps()
    iterations = len(errors) - 1
    assert all(any(f"iter-{n}" in key for key in keys) for n in range(iterations))
