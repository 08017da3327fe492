"""The ensemble keeps its temperature, and its pressure is the one that lattice dynamics predicts."""

import numpy as np
import pytest

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

from runs import Run, assert_picture, outputs, run_example

pytestmark = [pytest.mark.examples, pytest.mark.timeout(300)]
LATTICE_CONSTANT = 3.5898  # Å
TEMPERATURES = [200, 400, 600]  # K


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(tmp_path_factory.mktemp("md"), "md_ensemble/md_ensemble.py")


def mean_log_frequency(lattice_constant: float) -> tuple[float, float]:
    """The sum of the logarithms of all vibrational frequencies of the example's cell, and its volume (Å³)."""
    from ase.build import bulk
    from ase.calculators.emt import EMT

    atoms = bulk("Cu", a=lattice_constant) * (4, 4, 4)
    atoms.calc = EMT()
    start, step, rows = atoms.positions.copy(), 0.01, []
    for coordinate in range(start.size):
        there = []
        for sign in (1, -1):
            moved = start.copy()
            moved.flat[coordinate] += sign * step
            atoms.positions = moved
            there.append(atoms.get_forces().ravel())
        rows.append((there[1] - there[0]) / (2 * step))
    curvature = np.linalg.eigvalsh((np.array(rows) + np.transpose(rows)) / 2)
    assert abs(curvature[:3]).max() < 1e-6 < curvature[3]  # three translations
    return float(np.log(curvature[3:]).sum() / 2), float(atoms.get_volume())


def test_thermal_pressure_is_that_of_the_quasi_harmonic_approximation(run: Run) -> None:
    # Classical: P = -k T d(sum of ln frequencies)/dV, exact for small amplitudes. ASE 3.29, EMT: 7.76 MPa/K.
    from ase import units

    (low, smaller), (high, larger) = (mean_log_frequency(LATTICE_CONSTANT + shift) for shift in (-0.01, 0.01))
    harmonic = -units.kB * (high - low) / (larger - smaller) / units.GPa * 1000
    assert harmonic == pytest.approx(7.76, abs=0.05)
    found = outputs(run, "gather")
    assert found["slope"] == pytest.approx(harmonic, rel=0.08)
    coldest = found["rows"][0]
    assert 1000 * coldest["pressure"] / coldest["target"] == pytest.approx(harmonic, rel=0.03)
    assert 0 < found["slope_error"] < 0.4


def test_runs_keep_the_temperature_of_the_thermostat(run: Run) -> None:
    rows = outputs(run, "gather")["rows"]
    assert [row["target"] for row in rows] == TEMPERATURES
    for row in rows:
        assert row["temperature"] == pytest.approx(row["target"], rel=0.05)
        assert 0 < row["temperature_error"] < 0.05 * row["target"]


def test_peaks_of_the_radial_distribution_are_the_distances_in_the_crystal(run: Run) -> None:
    centres = (np.linspace(1.9, 4.1, 111)[1:] + np.linspace(1.9, 4.1, 111)[:-1]) / 2
    files = sorted(run.folder.glob("*/run-*/**/pairs-200-*.npy"))
    assert files
    curve = np.mean([np.load(file) for file in files], axis=0)
    near, far = (centres < 3.1), (centres > 3.1)
    assert centres[near][curve[near].argmax()] == pytest.approx(LATTICE_CONSTANT / 2**0.5, abs=0.05)
    assert centres[far][curve[far].argmax()] == pytest.approx(LATTICE_CONSTANT, abs=0.05)
    neighbours = 4 * np.pi * centres**2 * curve * 0.02 * 4 / LATTICE_CONSTANT**3
    assert neighbours[near].sum() == pytest.approx(12, abs=0.1)  # of fcc


def test_runs_differ_in_their_random_numbers_only(run: Run) -> None:
    means = [outputs(run, f"run-{n}")["means"]["pressure"] for n in range(12)]
    assert len(set(means)) == 12
    assert np.ptp(means[:4]) < np.ptp(means[8:])  # the scatter grows with the temperature


def test_picture_is_readable(run: Run) -> None:
    assert_picture(run.folder / "md_ensemble.png")
