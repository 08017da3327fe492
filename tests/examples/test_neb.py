"""The band ends at the saddle that is found without a band."""

import numpy as np
import pytest

pytest.importorskip("ase")
pytest.importorskip("matplotlib")

from runs import Run, assert_picture, outputs, run_example

pytestmark = [pytest.mark.examples, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(tmp_path_factory.mktemp("neb"), "neb/neb.py")


def history(run: Run) -> list[list[float]]:
    """The largest force and the energies of all images, of each iteration."""
    rows = [line.split() for line in run.output.splitlines() if line.strip()[:1].isdigit()]
    return outputs(run, f"iter-{len(rows)}.move")["history"]


def barrier_by_symmetry() -> float:
    """The barrier (eV): the saddle is the bridge between the hollows, where only motion across the path is relaxed."""
    from ase.build import add_adsorbate, fcc100
    from ase.calculators.emt import EMT
    from ase.constraints import FixAtoms, FixedPlane
    from ase.optimize import BFGS

    energies = []
    for shift in (0.0, 0.5):
        atoms = fcc100("Cu", size=(3, 3, 3), a=3.59, vacuum=5.0)
        add_adsorbate(atoms, "Cu", 1.7, "hollow")
        atoms.positions[-1, 0] += shift * 3.59 / np.sqrt(2)
        held = [FixAtoms(mask=atoms.get_tags() > 1)]
        atoms.set_constraint([*held, FixedPlane(len(atoms) - 1, (1, 0, 0))] if shift else held)
        atoms.calc = EMT()
        BFGS(atoms, logfile=None).run(fmax=0.002)
        energies.append(float(atoms.get_potential_energy()))
    return energies[1] - energies[0]


def test_barrier_is_that_of_the_bridge(run: Run) -> None:
    bridge = barrier_by_symmetry()
    assert bridge == pytest.approx(0.415, abs=0.002)  # ASE 3.29, EMT
    assert max(history(run)[-1][1:]) == pytest.approx(bridge, abs=0.001)


def test_band_is_symmetric_and_its_ends_are_alike(run: Run) -> None:
    profile = history(run)[-1][1:]
    assert len(profile) == 7
    assert profile == pytest.approx(profile[::-1], abs=0.002)
    assert profile.index(max(profile)) == 3


def test_it_goes_on_until_forces_are_small_and_no_longer(run: Run) -> None:
    *before, last = [largest for largest, *_ in history(run)]
    assert last <= 0.01 < min(before)
    assert 5 < len(before) < 40


def test_every_image_of_every_iteration_is_a_step(run: Run) -> None:
    from dflow import Workflow, config

    (directory,) = (path.parent for path in run.folder.glob("*/status"))
    config["debug_workdir"] = str(run.folder)
    try:
        keys = Workflow(id=directory.name).query_keys_of_steps()
    finally:
        config["debug_workdir"] = "."
    iterations = range(1, len(history(run)) + 1)
    expected = {"draw", *(f"iter-{n}" for n in iterations), *(f"iter-{n}.move" for n in iterations)}
    expected |= {f"iter-{n}.image-{image}" for n in iterations for image in range(5)}
    assert expected - {"iter-1"} <= set(keys) <= expected


def test_picture_is_readable(run: Run) -> None:
    assert_picture(run.folder / "neb.png")
