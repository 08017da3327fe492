"""Active learning of a pair potential: the model asks for the energies that it needs.

    start ──► loop ──► plot          loop:  explore ──► select ──► label (in parallel) ──► train
                                              ▲                                              │
                                              └────────── again, while the error is too large┘

`loop` is a `Steps` whose last step has `loop` itself as its template, guarded by `when`: a recursion that ends by its
own criterion. Argon clusters of 13 atoms are strained and rattled, the committee of models says where it disagrees
most, and only these clusters get their Lennard-Jones energies computed. For another method, change the calculator in
`Label`.
"""

# ruff: noqa: UP006, UP035 - the signs of dflow spell a list of paths List[Path]

import sys
from pathlib import Path
from typing import Any, List

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import read, write
from dflow import (
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Step,
    Steps,
    Workflow,
    argo_range,
    download_artifact,
    if_expression,
)
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices

TOLERANCE = 0.2  # meV per atom, root mean square on the test set
MAX_ITERATIONS = 8
BATCH = 4  # clusters that are labelled in each iteration
CANDIDATES = 100  # clusters that are looked at in each iteration

SIGMA, EPSILON = 3.40, 10.3  # argon: Å, meV
GOLDEN = (1 + 5**0.5) / 2
VERTICES = np.array([(0, a, b * GOLDEN) for a in (1, -1) for b in (1, -1)])
# A centre and twelve neighbours at 3.63 Å
ICOSAHEDRON = 3.63 * np.vstack([np.zeros(3), *(np.roll(VERTICES, k, axis=1) for k in range(3))]) / np.hypot(1, GOLDEN)
CLOSEST = 3.0  # Å: clusters with closer pairs are not sampled
WIDEST = 1.35  # times the bond length of the icosahedron
RATTLE = 0.3  # Å

CENTRES = np.geomspace(2.9, 9.0, 20)  # Å, of the Gaussians that the pair potential is made of
WIDTHS = np.gradient(CENTRES)
PRIOR = 20 * (SIGMA / CENTRES) ** 6  # meV: how large the height of each Gaussian may well be
MODELS, NOISE = 8, 0.1  # of the committee; meV per atom


def pair_distances(positions: Any) -> Any:
    """The distances (Å) of all pairs in one cluster."""
    first, second = np.triu_indices(len(positions), 1)
    return np.linalg.norm(positions[first] - positions[second], axis=1)


def basis(distances: Any) -> Any:
    """One row per distance, one column per Gaussian."""
    return PRIOR * np.exp(-(((distances[:, None] - CENTRES) / WIDTHS) ** 2) / 2)


def features(clusters: Any) -> Any:
    """One row per cluster: its pairs, counted by distance, per atom. The energy per atom is linear in them."""
    return np.array([basis(pair_distances(positions)).sum(axis=0) / len(positions) for positions in clusters])


def sample(number: int, rng: Any, narrowest: float, widest: float, rattle: float) -> Any:
    """Icosahedra, strained by a factor between the two and rattled by up to so many Å."""
    clusters: list[Any] = []
    while len(clusters) < number:
        positions = ICOSAHEDRON * rng.uniform(narrowest, widest)
        positions = positions + rng.normal(0, rng.uniform(0, rattle), positions.shape)
        if pair_distances(positions).min() > CLOSEST:
            clusters.append(positions)
    return np.array(clusters)


def energy_per_atom(atoms: Atoms) -> float:
    """The Lennard-Jones energy in meV per atom."""
    atoms.calc = LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=20.0)
    return float(atoms.get_potential_energy()) / len(atoms)


def fit(clusters: Any, energies: Any, rng: Any) -> Any:
    """A committee of ridge regressions: one row of Gaussian heights for each.

    Each model is drawn to a random point of its own, so they agree only where the energies leave them no choice.
    """
    design = features(clusters)
    matrix = design.T @ design + NOISE**2 * np.eye(len(CENTRES))
    anchors = rng.normal(size=(MODELS, len(CENTRES)))
    return np.array([a + np.linalg.solve(matrix, design.T @ (energies - design @ a)) for a in anchors])


def rms_error(committee: Any, test: Any) -> float:
    """The root mean square error (meV per atom) of the committee's mean."""
    predicted = (features(test["clusters"]) @ committee.T).mean(axis=1)
    return float(np.sqrt(np.mean((predicted - test["energies"]) ** 2)))


class Start(OP):
    """Label a test set and four clusters close to equilibrium, and fit the first committee to these."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"seed": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign(
            {"data": Artifact(Path), "test": Artifact(Path), "committee": Artifact(Path), "errors": List[float]}
        )

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        rng = np.random.default_rng(op_in["seed"])
        sets = {"data": sample(4, rng, 0.98, 1.02, 0.05), "test": sample(100, rng, 0.93, WIDEST, RATTLE)}
        for name, clusters in sets.items():
            energies = [energy_per_atom(Atoms(f"Ar{len(p)}", positions=p)) for p in clusters]
            np.savez(f"{name}.npz", clusters=clusters, energies=energies)
        data = np.load("data.npz")
        committee = fit(data["clusters"], data["energies"], rng)
        np.save("committee.npy", committee)
        return OPIO(
            {
                "data": Path("data.npz"),
                "test": Path("test.npz"),
                "committee": Path("committee.npy"),
                "errors": [rms_error(committee, np.load("test.npz"))],
            }
        )


class Explore(OP):
    """Sample strained and rattled clusters: other ones in each iteration, the same ones in each run."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"iteration": int, "seed": int, "number": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"candidates": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        rng = np.random.default_rng([op_in["seed"], op_in["iteration"]])
        np.save("candidates.npy", sample(op_in["number"], rng, 0.93, WIDEST, RATTLE))
        return OPIO({"candidates": Path("candidates.npy")})


class Select(OP):
    """Pick the clusters about which the committee disagrees most, and say by how much (meV per atom)."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"candidates": Artifact(Path), "committee": Artifact(Path), "number": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"clusters": Artifact(List[Path]), "disagreement": float})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        candidates, committee = np.load(op_in["candidates"]), np.load(op_in["committee"])
        disagreement = (features(candidates) @ committee.T).std(axis=1)
        clusters = []
        for index, candidate in enumerate(np.argsort(-disagreement)[: op_in["number"]]):
            cluster = Path(f"cluster-{index}.xyz")
            write(cluster, Atoms("Ar13", positions=candidates[candidate]), format="extxyz")
            clusters.append(cluster)
        return OPIO({"clusters": clusters, "disagreement": float(disagreement.max())})


class Label(OP):
    """Compute the energy (meV per atom) of one cluster: in earnest, this is the expensive step."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"cluster": Artifact(Path)})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"energy": float})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"energy": energy_per_atom(read(op_in["cluster"], format="extxyz"))})


class Train(OP):
    """Add the new energies to the data, fit the committee again, and add its error (meV per atom) to the history."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign(
            {
                "iteration": int,
                "seed": int,
                "errors": List[float],
                "energies": List[float],
                "clusters": Artifact(List[Path]),
                "data": Artifact(Path),
                "test": Artifact(Path),
            }
        )

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"data": Artifact(Path), "committee": Artifact(Path), "error": float, "errors": List[float]})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        data = np.load(op_in["data"])
        new = [read(cluster, format="extxyz").positions for cluster in op_in["clusters"]]
        clusters = np.concatenate([data["clusters"], new])
        energies = np.concatenate([data["energies"], op_in["energies"]])
        np.savez("data.npz", clusters=clusters, energies=energies)
        committee = fit(clusters, energies, np.random.default_rng([op_in["seed"], op_in["iteration"], 1]))
        np.save("committee.npy", committee)
        error = rms_error(committee, np.load(op_in["test"]))
        return OPIO(
            {
                "data": Path("data.npz"),
                "committee": Path("committee.npy"),
                "error": error,
                "errors": [*op_in["errors"], error],
            }
        )


class Plot(OP):
    """Draw the error of each iteration, and the pair potential that the first and the last committee have learned."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign(
            {"errors": List[float], "tolerance": float, "first": Artifact(Path), "last": Artifact(Path), "batch": int}
        )

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"plot": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, which the other steps need not spend

        figure = Figure(figsize=(9.6, 4.2), dpi=160, layout="constrained")
        left, right = figure.subplots(1, 2)
        self.draw_errors(left, op_in["errors"], op_in["tolerance"], op_in["batch"])
        self.draw_potentials(right, {"at the start": np.load(op_in["first"]), "at the end": np.load(op_in["last"])})
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig("active_learning.png")
        return OPIO({"plot": Path("active_learning.png")})

    @staticmethod
    def draw_errors(axes: Any, errors: list[float], tolerance: float, batch: int) -> None:
        """Error against iteration, with the number of labelled clusters at each point."""
        axes.semilogy(errors, "o-", color="#1f3b57", markersize=7, zorder=3)
        axes.axhline(tolerance, color="#b5651d", linewidth=1.2, linestyle="--", zorder=1)
        axes.annotate(f"tolerance {tolerance:g}", (0, tolerance), (0, 4), textcoords="offset points", color="#b5651d")
        for index, error in enumerate(errors):
            text = f"{4 + index * batch} energies" if index == 0 else f"{4 + index * batch}"
            axes.annotate(text, (index, error), (7, 6), textcoords="offset points", color="0.4", fontsize=9)
        axes.set(
            title="Each iteration labels what the committee doubts",
            xlabel="iteration",
            ylabel="test error (meV per atom, rms)",
            xticks=range(len(errors)),
            xticklabels=["start", *map(str, range(len(errors) - 1))],
        )
        axes.margins(x=0.1, y=0.12)
        axes.grid(axis="y", color="0.92")

    @staticmethod
    def draw_potentials(axes: Any, committees: dict[str, Any]) -> None:
        """Mean and spread of each committee, over the Lennard-Jones potential that made the energies."""
        distances = np.linspace(CLOSEST, 8.5, 300)
        for (label, committee), colour in zip(committees.items(), ("#d99a4e", "#2f6f9f"), strict=True):
            curves = basis(distances) @ committee.T
            mean, spread = curves.mean(axis=1), 2 * curves.std(axis=1)
            axes.fill_between(distances, mean - spread, mean + spread, color=colour, alpha=0.3, linewidth=0)
            axes.plot(distances, mean, color=colour, linewidth=2, label=f"committee {label} (±2 s.d.)")
        ratio = (SIGMA / distances) ** 6
        axes.plot(distances, 4 * EPSILON * (ratio**2 - ratio), "k:", linewidth=1.6, label="Lennard-Jones argon")
        axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        axes.set(
            title="The pair potential it has learned",
            xlabel="distance of a pair (Å)",
            ylabel="energy of a pair (meV)",
            xlim=(distances[0], distances[-1]),
            ylim=(-25, 60),
        )
        axes.legend(frameon=False)


def build_loop(image: str) -> Steps:
    """One iteration, and then the next one: a template that contains itself."""
    loop = Steps(
        "loop",
        inputs=Inputs(
            parameters={
                "iteration": InputParameter(type=int),
                "seed": InputParameter(type=int),
                "candidates": InputParameter(type=int),
                "batch": InputParameter(type=int),
                "tolerance": InputParameter(type=float),
                "last": InputParameter(type=int),
                "errors": InputParameter(type=List[float]),
            },
            artifacts={"data": InputArtifact(), "test": InputArtifact(), "committee": InputArtifact()},
        ),
        outputs=Outputs(parameters={"errors": OutputParameter()}, artifacts={"committee": OutputArtifact()}),
    )
    given, files = loop.inputs.parameters, loop.inputs.artifacts
    iteration = given["iteration"]

    explore = Step(
        "explore",
        template=PythonOPTemplate(Explore, image=image),
        parameters={"iteration": iteration, "seed": given["seed"], "number": given["candidates"]},
        key=f"iter-{iteration}.explore",
    )
    select = Step(
        "select",
        template=PythonOPTemplate(Select, image=image),
        parameters={"number": given["batch"]},
        artifacts={"candidates": explore.outputs.artifacts["candidates"], "committee": files["committee"]},
        key=f"iter-{iteration}.select",
    )
    label = Step(
        "label",
        template=PythonOPTemplate(
            Label, image=image, slices=Slices(input_artifact=["cluster"], output_parameter=["energy"])
        ),
        artifacts={"cluster": select.outputs.artifacts["clusters"]},
        with_param=argo_range(given["batch"]),
        key=f"iter-{iteration}.label-{{{{item}}}}",
    )
    train = Step(
        "train",
        template=PythonOPTemplate(Train, image=image),
        parameters={
            "iteration": iteration,
            "seed": given["seed"],
            "errors": given["errors"],
            "energies": label.outputs.parameters["energy"],
        },
        artifacts={"clusters": select.outputs.artifacts["clusters"], "data": files["data"], "test": files["test"]},
        key=f"iter-{iteration}.train",
    )
    go_on = (train.outputs.parameters["error"] > given["tolerance"]) & (iteration < given["last"])
    again = Step(
        "again",
        template=loop,
        parameters={
            **{name: given[name] for name in ("seed", "candidates", "batch", "tolerance", "last")},
            "iteration": iteration + 1,
            "errors": train.outputs.parameters["errors"],
        },
        artifacts={
            "data": train.outputs.artifacts["data"],
            "test": files["test"],
            "committee": train.outputs.artifacts["committee"],
        },
        when=go_on,
        key=f"iter-{iteration + 1}",
    )
    for step in (explore, select, label, train, again):
        loop.add(step)
    # What the innermost iteration gives is handed out through all the others.
    loop.outputs.parameters["errors"].value_from_expression = if_expression(
        go_on, again.outputs.parameters["errors"], train.outputs.parameters["errors"]
    )
    loop.outputs.artifacts["committee"].from_expression = if_expression(
        go_on, again.outputs.artifacts["committee"], train.outputs.artifacts["committee"]
    )
    return loop


def build_workflow(
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    batch: int = BATCH,
    seed: int = 0,
    image: str = "python:3.11",
) -> Workflow:
    """The first committee, the loop, and the plot.

    The image is used on Kubernetes only and must contain ASE and matplotlib.
    """
    start = Step("start", template=PythonOPTemplate(Start, image=image), parameters={"seed": seed}, key="start")
    learn = Step(
        "learn",
        template=build_loop(image),
        parameters={
            "iteration": 0,
            "seed": seed,
            "candidates": CANDIDATES,
            "batch": batch,
            "tolerance": tolerance,
            "last": max_iterations - 1,
            "errors": start.outputs.parameters["errors"],
        },
        artifacts={name: start.outputs.artifacts[name] for name in ("data", "test", "committee")},
        key="iter-0",
    )
    plot = Step(
        "plot",
        template=PythonOPTemplate(Plot, image=image),
        parameters={"errors": learn.outputs.parameters["errors"], "tolerance": tolerance, "batch": batch},
        artifacts={"first": start.outputs.artifacts["committee"], "last": learn.outputs.artifacts["committee"]},
        key="plot",
    )
    workflow = Workflow("active-learning")
    for step in (start, learn, plot):
        workflow.add(step)
    return workflow


def report(workflow: Workflow) -> None:
    """Print a line for each iteration, and leave the plot in the current directory."""
    plot = workflow.query_step(key="plot")[0]
    errors = plot.inputs.parameters["errors"].value
    batch, tolerance = (plot.inputs.parameters[name].value for name in ("batch", "tolerance"))
    print("iteration  energies  largest disagreement  test error  (meV per atom)")
    print(f"{'start':>9}  {4:8}  {'':20}  {errors[0]:10.3f}")
    for index, error in enumerate(errors[1:]):
        select = workflow.query_step(key=f"iter-{index}.select")[0]
        disagreement = select.outputs.parameters["disagreement"].value
        print(f"{index:9}  {4 + batch * (index + 1):8}  {disagreement:20.3f}  {error:10.3f}")
    verdict = "is below" if errors[-1] <= tolerance else "has not come below"
    print(f"the error {verdict} the tolerance of {tolerance:g} meV per atom")
    download_artifact(plot.outputs.artifacts["plot"])  # the file keeps its name: ./active_learning.png
    print("plot: active_learning.png")


def main() -> None:
    """Run the workflow and report it; with the id of a finished run as the argument, only report that.

    Raises StepFailed, which names the step, when the workflow failed, and SystemExit when it has not ended.
    """
    if len(sys.argv) > 1:
        workflow = Workflow(id=sys.argv[1])
    else:
        workflow = build_workflow()
        workflow.submit()
        workflow.wait()
    workflow.raise_for_status()
    if workflow.query_status() != "Succeeded":
        raise SystemExit(f"{workflow.id} is {workflow.query_status()}: go on with it by dflow resume {workflow.id}")
    report(workflow)


if __name__ == "__main__":
    main()
