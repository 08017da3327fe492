"""Stands in for LAMMPS where a package starts it: the cell of conf.lmp with ASE's EMT, and LAMMPS's files."""

import sys
from pathlib import Path

from ase.calculators.emt import EMT
from ase.filters import FrechetCellFilter
from ase.io import read
from ase.optimize import BFGS
from ase.units import GPa

BAR = 1e4  # in a GPa
COLUMNS = "Step PotEng Pxx Pyy Pzz Pxy Pxz Pyz Lx Ly Lz Volume c_mype"


def thermo(step, atoms):
    xx, yy, zz, yz, xz, xy = (-s / GPa * BAR for s in atoms.get_stress())
    energy, cell = atoms.get_potential_energy(), atoms.cell
    pressures = [xx, yy, zz, xy, xz, yz]
    return [step, energy, *pressures, cell[0, 0], cell[1, 1], cell[2, 2], atoms.get_volume(), energy]


def frame(step, atoms):
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = atoms.cell
    low, high = min(0, xy, xz, xy + xz), max(0, xy, xz, xy + xz)
    bounds = [(low, xx + high, xy), (min(0, yz), yy + max(0, yz), xz), (0, zz, yz)]
    lines = ["ITEM: TIMESTEP", str(step), "ITEM: NUMBER OF ATOMS", str(len(atoms))]
    lines += ["ITEM: BOX BOUNDS xy xz yz pp pp pp", *(" ".join(f"{x:.12f}" for x in row) for row in bounds)]
    lines += ["ITEM: ATOMS id type xs ys zs fx fy fz"]
    for number, (place, force) in enumerate(zip(atoms.get_scaled_positions(), atoms.get_forces(), strict=True), 1):
        lines.append(f"{number} 1 " + " ".join(f"{x:.10f}" for x in [*place, *force]))
    return "\n".join(lines) + "\n"


def main():
    asked = Path("in.lammps").read_text()
    atoms = read("conf.lmp", format="lammps-data", style="atomic", Z_of_type={1: 13})
    atoms.calc = EMT()
    frames, rows = [frame(0, atoms)], [thermo(0, atoms)]
    if "box/relax" in asked:
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-4, steps=200)
    frames.append(frame(100, atoms))
    rows.append(thermo(100, atoms))
    final, count = rows[-1], len(atoms)
    table = [COLUMNS, *(" ".join(f"{x:.10g}" for x in row) for row in rows), "Loop time of 0.1 on 1 procs"]
    told = [
        "All done",
        f"Total number of atoms = {count}",
        f"Final energy per atoms = {final[1] / count:.10g}",
        f"Final volume per atoms = {atoms.get_volume() / count:.10g}",
        f"Final Base area = {atoms.cell[0, 0] * atoms.cell[1, 1]:.10g}",
        "Final Stress (xx yy zz xy xz yz) = " + " ".join(f"{x:.10g}" for x in final[2:8]),
        "Total wall time: 0:00:00",
    ]
    text = "LAMMPS\n" + "\n".join([*table, *told]) + "\n"
    Path("log.lammps").write_text(text)
    Path("dump.relax").write_text("".join(frames))
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
