"""The Ising example agrees with the exact solution, here and as jobs of a real Slurm, digit for digit."""

import re
from math import sinh
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from runs import Run, run_example

SCRIPT = "slurm/ising.py"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(tmp_path_factory.mktemp("local"), SCRIPT)


def table(run: Run) -> list[list[float]]:
    """Temperature, magnetization, its error, and the exact value."""
    pattern = r"^(\d\.\d\d)  (\d\.\d{4}) ± (\d\.\d{4})  (\d\.\d{4})$"
    rows = [[float(number) for number in row] for row in re.findall(pattern, run.output, re.MULTILINE)]
    assert len(rows) == 6, run.output
    return rows


def onsager(temperature: float) -> float:
    """Spontaneous magnetization: C. N. Yang, Phys. Rev. 85, 808 (1952)."""
    return max(0.0, 1 - sinh(2 / temperature) ** -4) ** 0.125


def test_magnetization_is_the_exact_one_within_its_error(local: Run) -> None:
    for temperature, magnetization, error, exact in table(local)[:5]:
        assert exact == pytest.approx(onsager(temperature), abs=1e-4)
        assert error < 0.02
        assert magnetization == pytest.approx(exact, abs=4 * error + 2e-4)


def test_order_is_lost_above_the_critical_temperature(local: Run) -> None:
    temperature, magnetization, _, exact = table(local)[-1]
    assert (temperature, exact) == (2.5, 0.0)
    assert magnetization < 0.2
    assert "jobs of Slurm: 0" in local.output


@pytest.mark.slurm
@pytest.mark.timeout(300)
def test_jobs_of_slurm_give_the_same_table(slurm: object, local: Run, tmp_path: Path) -> None:
    found = run_example(tmp_path, SCRIPT, "--on", "slurm", "--queue", "debug")
    assert table(found) == table(local)
    assert "jobs of Slurm: 2" in found.output  # six temperatures, three to a job
