"""How high is the barrier for a copper atom that hops over a copper surface? A nudged elastic band, one step per image.

    relax (both ends) ──► interpolate ──► loop ──► draw        loop:  evaluate (a slice per image) ──► move
                                                                         ▲                              │
                                                                         └─ again, until forces are small ┘

In earnest each image is a job of minutes or hours, so the images of one iteration run side by side and the loop is a
recursion: a template that calls itself. For another method or material, change `surface`.
"""

# ruff: noqa: F821, UP006, UP035 - annotations are signs here

from pathlib import Path
from typing import Any, List

import numpy as np
from ase import Atoms
from ase.build import add_adsorbate, fcc100
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.mep import NEB
from ase.optimize import BFGS
from dflow import Workflow, argo_range, download_artifact, if_expression
from dflow.python import OP, Artifact, Slices
from matplotlib.figure import Figure

IMAGES = 7  # with both ends
TOLERANCE = 0.01  # eV/Å: the largest force on an atom, across the path
TIME_STEP = 0.2  # of the minimizer, for masses of 1
LATEST = 60  # iterations at most


def surface(positions: Any = None) -> Atoms:
    """Three layers of copper, of which the upper moves, with an adatom in a hollow: as built, or at these positions."""
    atoms = fcc100("Cu", size=(3, 3, 3), a=3.59, vacuum=5.0)
    add_adsorbate(atoms, "Cu", 1.7, "hollow")
    atoms.positions = atoms.positions if positions is None else positions
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() > 1))
    atoms.calc = EMT()
    return atoms


@OP.function
def relax(hollow: int) -> {"positions": List, "energy": float}:
    """Relax the adatom in its hollow (0) or in the next one (1)."""
    atoms = surface()
    atoms.positions[-1, 0] += hollow * 3.59 / np.sqrt(2)
    BFGS(atoms, logfile=None).run(fmax=TOLERANCE)
    return {"positions": atoms.positions.tolist(), "energy": float(atoms.get_potential_energy())}


@OP.function
def interpolate(ends: List, energies: List[float]) -> {"band": Artifact(Path)}:
    """The straight path between the two, at rest: positions (images, atoms, 3) in Å, and the energies of the ends."""
    positions = np.linspace(*ends, IMAGES)
    np.savez("band.npz", positions=positions, velocities=np.zeros_like(positions[1:-1]), ends=energies)
    return {"band": Path("band.npz")}


@OP.function
def evaluate(image: int, band: Artifact(Path)) -> {"energy": float, "forces": List}:
    """Energy (eV) and forces (eV/Å) of one moving image: in earnest, this is the expensive step."""
    atoms = surface(np.load(band)["positions"][image + 1])
    return {"energy": float(atoms.get_potential_energy()), "forces": atoms.get_forces().tolist()}


@OP.function
def move(
    band: Artifact(Path), energies: List[float], forces: List, history: List
) -> {"band": Artifact(Path), "largest": float, "history": List}:
    """Move the images along the forces across the path, faster as long as these agree with the velocities."""
    given = np.load(band)
    images = [surface(positions) for positions in given["positions"]]
    profile = [given["ends"][0], *energies, given["ends"][1]]
    for atoms, energy, force in zip(images, profile, [None, *forces, None], strict=True):
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=force)
    neb = NEB(images, k=0.5, climb=True, method="improvedtangent")
    push = neb.get_forces().reshape(given["velocities"].shape)
    along = max(0.0, np.vdot(given["velocities"], push) / np.vdot(push, push))
    velocities = (along + TIME_STEP) * push
    still = np.zeros_like(push[:1])
    positions = given["positions"] + TIME_STEP * np.concatenate([still, velocities, still])
    np.savez("band.npz", positions=positions, velocities=velocities, ends=given["ends"])
    largest = float(np.linalg.norm(push, axis=-1).max())
    line = [largest, *(float(energy - profile[0]) for energy in profile)]
    return {"band": Path("band.npz"), "largest": largest, "history": [*history, line]}


@OP.function
def draw(history: List) -> {"picture": Artifact(Path)}:
    """The energy along the path in each iteration, the last one in colour."""
    figure = Figure(figsize=(6.4, 3.8), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    (_, *first), *between, (_, *last) = history
    axes.plot(first, "o--", color="0.6", label="straight path")
    axes.plot(np.transpose([profile for _, *profile in between]), color="0.8", zorder=0)
    axes.plot(last, "o-", color="#b5651d", label=f"iteration {len(history)}: barrier {max(last):.3f} eV")
    axes.set(title="A copper atom hops on Cu(100)", xlabel="image", ylabel="energy (eV)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig("neb.png")
    return {"picture": Path("neb.png")}


@OP.superfunction
def loop(band: Artifact(Path), history: List, number: int) -> {"history": List}:
    """One iteration, and then the next one: a template that calls itself."""
    slices = Slices(output_parameter=["energy", "forces"])
    images = evaluate.use(slices=slices, with_param=argo_range(IMAGES - 2), key=f"iter-{number}.image-{{{{item}}}}")
    found = images(image="{{item}}", band=band)
    moved = move.use(key=f"iter-{number}.move")(band, found["energy"], found["forces"], history)
    go_on = (moved["largest"] > TOLERANCE) & (number < LATEST)
    again = loop.use(when=go_on, key=f"iter-{number + 1}")(moved["band"], moved["history"], number + 1)
    return {"history": if_expression(go_on, again["history"], moved["history"])}


def main() -> None:
    """Run the workflow, print a line for some iterations, and leave the picture here."""
    with Workflow("neb") as workflow:  # calls in the block are its tasks; it is submitted at the end
        ends = relax.use(slices=Slices(output_parameter=["positions", "energy"]), with_param=[0, 1])("{{item}}")
        band = interpolate(ends["positions"], ends["energy"])["band"]
        draw.use(key="draw")(loop(band, [], 1)["history"])
    workflow.wait()  # it has ended already, unless it runs detached or on a server
    workflow.raise_for_status()
    drawn = workflow.query_step(key="draw")[0]
    history = drawn.inputs.parameters["history"].value
    print("iteration  largest force (eV/Å)  barrier (eV)")
    for number, (largest, *profile) in enumerate(history, start=1):
        print(f"{number:9}  {largest:20.3f}  {max(profile):12.4f}")
    download_artifact(drawn.outputs.artifacts["picture"])
    print("picture: neb.png")


if __name__ == "__main__":
    main()
