"""The equation of state of fcc copper: strained cells, one energy per cell, one fit.

    build cells ──► energy of each cell (in parallel) ──► fit and plot

Each box is an OP: a class that declares what goes in and what comes out, and does its work in `execute`.
The energies come from the effective medium theory (EMT) potential of ASE, so the whole run takes seconds.
For another method, change the calculator in `ComputeEnergy` and nothing else.
"""

# ruff: noqa: UP006, UP035 - the signs of dflow spell a list of paths List[Path]

from collections.abc import Sequence
from pathlib import Path
from typing import Any, List

import numpy as np
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import EquationOfState, birchmurnaghan
from ase.io import read, write
from dflow import DAG, Task, Workflow, download_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate
from matplotlib.figure import Figure

LATTICE_CONSTANT = 3.615  # Å, measured at room temperature: a fair centre for the scan
STRAINS = (-0.04, -0.0267, -0.0133, 0.0, 0.0133, 0.0267, 0.04)  # of the length: ±12 % of the volume


class BuildCells(OP):
    """Write one primitive fcc cell per strain."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"lattice_constant": float, "strains": List[float]})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"cells": Artifact(List[Path], archive=None)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        cells = []
        for index, strain in enumerate(op_in["strains"]):
            cell = Path(f"cell-{index}.xyz")
            write(cell, bulk("Cu", "fcc", a=op_in["lattice_constant"] * (1 + strain)), format="extxyz")
            cells.append(cell)
        return OPIO({"cells": cells})


class ComputeEnergy(OP):
    """Compute the volume (Å³ per atom) and the potential energy (eV per atom) of one cell."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"cell": Artifact(Path)})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"volume": float, "energy": float})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        atoms = read(op_in["cell"], format="extxyz")
        atoms.calc = EMT()
        volume, energy = atoms.get_volume() / len(atoms), atoms.get_potential_energy() / len(atoms)
        return OPIO({"volume": float(volume), "energy": float(energy)})


class FitEquationOfState(OP):
    """Fit the third-order Birch-Murnaghan equation to energies against volumes, and plot it.

    Gives a0 (Å, of the cubic cell), B0 (GPa), e0 (eV per atom), the root mean square residual (eV per atom)
    and the plot. Raises ValueError when the scan does not enclose the minimum.
    """

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"volumes": List[float], "energies": List[float]})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"a0": float, "B0": float, "e0": float, "residual": float, "plot": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        volumes, energies = np.array(op_in["volumes"]), np.array(op_in["energies"])
        fit = EquationOfState(volumes, energies, eos="birchmurnaghan")
        v0, e0, bulk_modulus = fit.fit()
        if not volumes.min() < v0 < volumes.max():
            raise ValueError(
                f"the minimum, {v0:.2f} Å³ per atom, lies outside the scan "
                f"({volumes.min():.2f} to {volumes.max():.2f} Å³): choose another lattice constant"
            )
        a0 = float((4 * v0) ** (1 / 3))  # four atoms in the cubic cell
        b0 = float(bulk_modulus / units.GPa)
        residuals = energies - birchmurnaghan(volumes, *fit.eos_parameters)
        self.draw(volumes, energies, fit.eos_parameters, f"$a_0$ = {a0:.3f} Å\n$B_0$ = {b0:.1f} GPa")
        return OPIO(
            {
                "a0": a0,
                "B0": b0,
                "e0": float(e0),
                "residual": float(np.sqrt(np.mean(residuals**2))),
                "plot": Path("eos_copper.png"),
            }
        )

    @staticmethod
    def draw(volumes: Any, energies: Any, parameters: Sequence[float], label: str) -> None:
        """Write eos_copper.png: the computed points, the fitted curve, and its minimum with the label."""
        figure = Figure(figsize=(6.4, 4.4), dpi=160, layout="constrained")
        axes = figure.add_subplot()
        e0, v0 = parameters[0], parameters[3]
        margin = 0.04 * np.ptp(volumes)
        curve = np.linspace(volumes.min() - margin, volumes.max() + margin, 200)
        axes.plot(curve, birchmurnaghan(curve, *parameters), color="#b5651d", label="Birch-Murnaghan fit", zorder=2)
        axes.plot(volumes, energies, "o", color="#1f3b57", markersize=7, label="EMT energies", zorder=3)
        axes.axvline(v0, color="0.6", linewidth=1, linestyle="--", zorder=1)
        axes.annotate(
            label,
            xy=(v0, e0),
            xytext=(v0, 0.5),
            textcoords=("data", "axes fraction"),
            horizontalalignment="center",
            fontsize=12,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": "0.8"},
        )
        axes.set(
            title="Equation of state of fcc copper",
            xlabel="volume per atom (Å³)",
            ylabel="energy per atom (eV)",
            xlim=(curve[0], curve[-1]),
        )
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper center")
        figure.savefig("eos_copper.png")


def build_workflow(
    lattice_constant: float = LATTICE_CONSTANT, strains: Sequence[float] = STRAINS, image: str = "python:3.11"
) -> Workflow:
    """A DAG: one task builds all cells, one per strain computes an energy, the last one gathers them.

    The image is used on Kubernetes only and must contain ASE and matplotlib.
    """
    build = Task(
        "build",
        template=PythonOPTemplate(BuildCells, image=image),
        parameters={"lattice_constant": lattice_constant, "strains": list(strains)},
    )
    energy_template = PythonOPTemplate(ComputeEnergy, image=image)
    energies = [
        Task(
            f"energy-{index}",
            template=energy_template,
            artifacts={"cell": build.outputs.artifacts["cells"].sub_path(f"cell-{index}.xyz")},
            key=f"energy-{index}",
        )
        for index in range(len(strains))
    ]
    fit = Task(
        "fit",
        template=PythonOPTemplate(FitEquationOfState, image=image),
        parameters={
            "volumes": [task.outputs.parameters["volume"] for task in energies],
            "energies": [task.outputs.parameters["energy"] for task in energies],
        },
        key="fit",
    )
    dag = DAG("eos")
    dag.add([build, *energies, fit])
    return Workflow("eos-copper", dag=dag)


def main() -> None:
    """Run the workflow, print the result and leave the plot in the current directory.

    Raises StepFailed, which names the step, when the workflow did not succeed.
    """
    workflow = build_workflow()
    workflow.submit()
    workflow.wait()
    workflow.raise_for_status()

    fit = workflow.query_step(key="fit")[0]
    result = {name: fit.outputs.parameters[name].value for name in ("a0", "B0", "e0", "residual")}
    print("fcc copper, EMT, third-order Birch-Murnaghan fit")
    print(f"  lattice constant  a0 = {result['a0']:9.4f} Å")
    print(f"  bulk modulus      B0 = {result['B0']:9.2f} GPa")
    print(f"  energy            e0 = {result['e0']:9.5f} eV per atom")
    print(f"  rms residual         = {result['residual'] * 1000:9.3f} meV per atom")
    download_artifact(fit.outputs.artifacts["plot"])  # the file keeps its name: ./eos_copper.png
    print("plot: eos_copper.png")


if __name__ == "__main__":
    main()
