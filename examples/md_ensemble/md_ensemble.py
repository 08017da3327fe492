"""Molecular dynamics of crystalline copper: an ensemble of runs at each of several temperatures, with error bars.

    simulate (a slice for each temperature and seed) ──► gather: means, standard errors, picture

64 atoms in a fixed cell, the EMT potential of ASE, a Langevin thermostat. One run is too short to say much; runs that
differ only in their random numbers are independent, so their scatter tells how far their mean can be trusted.
"""

# ruff: noqa: F821, UP006, UP035 - annotations are signs here

from itertools import product
from pathlib import Path
from typing import Dict, List

import numpy as np
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.constraints import FixCom
from ase.md.langevin import Langevin
from dflow import Step, Workflow, download_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from matplotlib.figure import Figure

TEMPERATURES = [200.0, 400.0, 600.0]  # K
SEEDS = [0, 1, 2, 3]
LATTICE_CONSTANT = 3.5898  # Å: without pressure at 0 K
TIME_STEP, FRICTION = 5.0, 0.02  # fs, 1/fs
WARM_UP, SAMPLES, EVERY = 60, 50, 4  # steps; samples, and steps between them: 0.3 ps, then 1 ps
BINS = np.linspace(1.9, 4.1, 111)  # Å, up to half the distance of opposite faces of the cell


@OP.function
def simulate(temperature: float, seed: int) -> {"means": Dict[str, float], "pairs": Artifact(Path)}:
    """One run: its mean temperature (K) and pressure (GPa), and its radial distribution function as a file."""
    atoms = bulk("Cu", a=LATTICE_CONSTANT) * (4, 4, 4)
    atoms.calc = EMT()
    atoms.set_constraint(FixCom())
    random = np.random.default_rng([seed, int(temperature)])
    widths = np.sqrt(atoms.get_masses() * units.kB * temperature)
    atoms.set_momenta(widths[:, None] * random.normal(size=(len(atoms), 3)))
    options = {"temperature_K": temperature, "friction": FRICTION / units.fs, "fixcm": False, "rng": random}
    dynamics = Langevin(atoms, TIME_STEP * units.fs, **options)
    dynamics.run(WARM_UP)
    temperatures, pressures, counts = [], [], np.zeros(len(BINS) - 1)
    for _ in range(SAMPLES):
        dynamics.run(EVERY)
        temperatures.append(2 * atoms.get_kinetic_energy() / (3 * len(atoms) - 3) / units.kB)
        pressures.append(-atoms.get_stress(include_ideal_gas=True)[:3].mean() / units.GPa)
        counts += np.histogram(atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)], BINS)[0]
    shells = 4 / 3 * np.pi * np.diff(BINS**3) * len(atoms) / atoms.get_volume()  # atoms of an ideal gas in each
    pairs = Path(f"pairs-{temperature:g}-{seed}.npy")  # each slice a name of its own: the next step gets them as a list
    np.save(pairs, 2 * counts / SAMPLES / len(atoms) / shells)
    means = {"temperature": float(np.mean(temperatures)), "pressure": float(np.mean(pressures))}
    return {"means": means, "pairs": pairs}


@OP.function
def gather(
    temperatures: List[float], means: List[Dict[str, float]], pairs: Artifact(List[Path])
) -> {"rows": List[Dict[str, float]], "slope": float, "slope_error": float, "picture": Artifact(Path)}:
    """Mean and standard error over the runs at each temperature, and the thermal pressure coefficient (MPa/K)."""
    rows, curves = [], {}
    for target in sorted(set(temperatures)):
        runs = [index for index, temperature in enumerate(temperatures) if temperature == target]
        row = {"target": target}
        for name in ("temperature", "pressure"):
            values = [means[run][name] for run in runs]
            row |= {name: float(np.mean(values)), f"{name}_error": float(np.std(values, ddof=1) / len(runs) ** 0.5)}
        rows.append(row)
        curves[target] = np.mean([np.load(pairs[run]) for run in runs], axis=0)
    x, y, e = (np.array([row[name] for row in rows]) for name in ("target", "pressure", "pressure_error"))
    every = np.array(temperatures), np.array([run["pressure"] for run in means])
    (slope, base), covariance = np.polyfit(*every, 1, w=1 / every[0], cov=True)  # the scatter grows as the temperature
    figure = Figure(figsize=(8.4, 3.6), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, x[-1]], [base, base + slope * x[-1]], color="#b5651d", label=f"{1000 * slope:.2f} MPa/K")
    left.errorbar(x, y, 2 * e, fmt="o", color="#1f3b57", capsize=4, label=f"{len(runs)} runs each (±2 s.e.)")
    left.set(title="Pressure at constant volume", xlabel="temperature (K)", ylabel="pressure (GPa)")
    left.legend(frameon=False)
    for target, colour in zip(curves, ("#1f3b57", "#2f6f9f", "#d99a4e"), strict=True):
        right.plot((BINS[1:] + BINS[:-1]) / 2, curves[target], color=colour, label=f"{target:g} K")
    right.set(title="Radial distribution", xlabel="distance (Å)", ylabel="g(r)", xlim=BINS[[0, -1]], ylim=(0, None))
    right.legend(frameon=False)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig("md_ensemble.png")
    slopes = {"slope": 1000 * float(slope), "slope_error": 1000 * float(covariance[0, 0] ** 0.5)}
    return {"rows": rows, **slopes, "picture": Path("md_ensemble.png")}


def build_workflow() -> Workflow:
    """One slice for each pair of temperature and seed; what the slices give becomes lists."""
    temperatures, seeds = zip(*product(TEMPERATURES, SEEDS), strict=True)
    slices = Slices(input_parameter=["temperature", "seed"], output_parameter=["means"], output_artifact=["pairs"])
    given = {"temperature": list(temperatures), "seed": list(seeds)}
    runs = Step("simulate", PythonOPTemplate(simulate, slices=slices), parameters=given, key="run-{{item.order}}")
    given = {"temperatures": list(temperatures), "means": runs.outputs.parameters["means"]}
    files = {"pairs": runs.outputs.artifacts["pairs"]}
    last = Step("gather", PythonOPTemplate(gather), parameters=given, artifacts=files, key="gather")
    workflow = Workflow("md-ensemble")
    workflow.add(runs)
    workflow.add(last)
    return workflow


def main() -> None:
    """Run the workflow, print a line for each temperature, and leave the picture here."""
    workflow = build_workflow()
    workflow.submit()
    workflow.wait()  # it has ended already, unless it runs detached or on a server
    workflow.raise_for_status()
    outputs = workflow.query_step(key="gather")[0].outputs
    print("thermostat  temperature (K)       pressure (GPa)")
    for row in outputs.parameters["rows"].value:
        print("{target:8.0f} K  {temperature:9.1f} ± {temperature_error:.1f}".format(**row), end="")
        print("  {pressure:13.3f} ± {pressure_error:.3f}".format(**row))
    slope, error = (outputs.parameters[name].value for name in ("slope", "slope_error"))
    print(f"thermal pressure: {slope:.2f} ± {error:.2f} MPa/K")
    download_artifact(outputs.artifacts["picture"])
    print("picture: md_ensemble.png")


if __name__ == "__main__":
    main()
