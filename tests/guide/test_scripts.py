"""Scripts in the manner of the examples that the guide names: those that no other test here runs whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).with_name("scripts")


@pytest.fixture
def ended(tmp_path):
    """Run a script as a user does, in a directory of its own."""

    def ended(name):
        return subprocess.run(
            [sys.executable, str(SCRIPTS / f"{name}.py")],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return ended


def _found(ended):
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("FOUND ")]
    return line.removeprefix("FOUND ")


@pytest.mark.waiting
def test_steps_are_jobs_of_a_dispatcher_executor_on_this_machine(ended):
    assert _found(ended("dispatcher")) == "hellohello"


def test_errors_are_retried_or_limited_or_passed_over(ended):
    phases = "{'flaky': 'Succeeded', 'slow': 'Failed', 'bad': 'Failed', 'last': 'Succeeded'}"
    assert _found(ended("error_handling")) == f"Succeeded {phases} [3]"


def test_a_step_on_a_virtual_node_is_a_slurm_job_in_the_manifest(ended):
    done = ended("wlm")
    assert done.returncode == 0, done.stderr
    assert "kind: SlurmJob" in done.stdout
    assert "#SBATCH --nodes=1" in done.stdout
    assert "kubernetes.io/hostname: slurm-minikube-v100" in done.stdout
