"""The magnet that loses its magnetism: the two-dimensional Ising model at several temperatures, as jobs of Slurm.

    simulate (a slice for each temperature, three slices to a job) ──► compare with Onsager's exact solution

`--on slurm` submits jobs to the Slurm of this machine (a login node, say); `--on local`, the default, runs the same
steps as processes, to try it. Nothing else differs. It needs NumPy, here and on the nodes.
"""

# ruff: noqa: F821, UP006, UP035 - annotations are signs here

import argparse
import os
from typing import Any, Dict, List

import numpy as np
from dflow import Executor, Step, Workflow
from dflow.python import OP, PythonOPTemplate, Slices
from dflow.slurm import SlurmExecutor

TEMPERATURES = [1.6, 1.8, 2.0, 2.1, 2.2, 2.5]  # of the coupling, J/k; order is lost at 2.269
SIZE = 64  # spins on an edge, with periodic boundaries
WARM_UP, SWEEPS = 500, 1500
BLOCKS = 10  # consecutive sweeps are alike: the error comes from the means of so many blocks


@OP.function
def simulate(temperature: float, seed: int) -> {"row": Dict[str, Any]}:
    """Metropolis: mean magnetization per spin, its standard error, and which job did it, on which node."""
    random = np.random.default_rng([seed, round(1000 * temperature)])
    spins = np.ones((SIZE, SIZE), dtype=np.int8)
    colours = np.indices(spins.shape).sum(axis=0) % 2  # a chessboard: neighbours of white are black
    values = []
    for _ in range(WARM_UP + SWEEPS):
        for colour in (0, 1):
            neighbours = sum(np.roll(spins, shift, axis) for shift in (1, -1) for axis in (0, 1))
            chance = np.exp(-2 / temperature * spins * neighbours)
            spins[(colours == colour) & (random.random(spins.shape) < chance)] *= -1
        values.append(abs(spins.mean()))
    blocks = np.reshape(values[WARM_UP:], (BLOCKS, -1)).mean(axis=1)
    row = {"temperature": temperature, "mean": float(blocks.mean())}
    row["error"] = float(blocks.std(ddof=1) / BLOCKS**0.5)
    return {"row": {**row, "node": os.uname().nodename, "job": os.environ.get("SLURM_JOB_ID", "none")}}


@OP.function
def compare(rows: List[Dict[str, Any]]) -> {"table": str}:
    """The magnetization of each temperature beside the exact one of an infinite lattice."""
    lines = ["  T    magnetization     exact"]
    for row in rows:
        exact = max(0.0, 1 - np.sinh(2 / row["temperature"]) ** -4) ** 0.125  # Onsager 1949, Yang 1952
        lines.append(f"{row['temperature']:.2f}  {row['mean']:.4f} ± {row['error']:.4f}  {exact:.4f}")
    return {"table": "\n".join(lines)}


def build_workflow(executor: Executor | None, seed: int = 0) -> Workflow:
    """The slices go to the executor; the table is made here, since it is not worth a job."""
    slices = Slices(input_parameter=["temperature"], output_parameter=["row"], group_size=3)
    simulation = Step(
        "simulate",
        PythonOPTemplate(simulate, slices=slices),
        parameters={"temperature": TEMPERATURES, "seed": seed},
        executor=executor,
        key="jobs-{{item}}",
    )
    table = Step("compare", PythonOPTemplate(compare), parameters={"rows": simulation.outputs.parameters["row"]})
    workflow = Workflow("ising")
    workflow.add(simulation)
    workflow.add(table)
    return workflow


def main() -> None:
    """Run the workflow and print the table."""
    parser = argparse.ArgumentParser(description="The Ising model at several temperatures.")
    parser.add_argument("--on", choices=("local", "slurm"), default="local", help="where the simulations run")
    parser.add_argument("--queue", help="the partition of Slurm")
    options = parser.parse_args()
    slurm = SlurmExecutor(queue=options.queue, cpus=1, memory="500M", time=600)
    workflow = build_workflow(slurm if options.on == "slurm" else None)
    workflow.submit()
    workflow.wait()  # it has ended already, unless it runs detached or on a server
    workflow.raise_for_status()
    (table,) = workflow.query_step(name="compare")
    rows = table.inputs.parameters["rows"].value
    print(table.outputs.parameters["table"].value)
    print(f"jobs of Slurm: {len({row['job'] for row in rows if row['job'] != 'none'})}")


if __name__ == "__main__":
    main()
