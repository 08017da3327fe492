"""Which hyperparameters suit a classifier of handwritten digits? Thirty pairs of them, cross-validated side by side.

    split ──► validate (a slice for each pair of C and gamma) ──► choose, test and draw

The data are the 1797 digits that scikit-learn brings along; the model is a support vector machine with a Gaussian
kernel. For another model, change `SVC`, the two lists, and the arguments of `validate`.
"""

# ruff: noqa: F821, N803, UP006, UP035 - annotations are signs here; C is what everybody calls it

from itertools import product
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
from dflow import Step, Workflow, download_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.svm import SVC

PENALTIES = [0.1, 0.3, 1.0, 3.0, 10.0]  # C: what a digit on the wrong side costs
WIDTHS = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]  # gamma: per squared grey level (0 to 16) of a pixel
FOLDS = 5


@OP.function
def split(seed: int) -> {"train": Artifact(Path), "test": Artifact(Path)}:
    """Put a quarter of the digits aside: they are looked at once, at the end."""
    pixels, digits = load_digits(return_X_y=True)
    parts = train_test_split(pixels, digits, test_size=0.25, stratify=digits, random_state=seed)
    np.savez("train.npz", pixels=parts[0], digits=parts[2])
    np.savez("test.npz", pixels=parts[1], digits=parts[3])
    return {"train": Path("train.npz"), "test": Path("test.npz")}


@OP.function
def validate(C: float, gamma: float, seed: int, train: Artifact(Path)) -> {"accuracy": float, "error": float}:
    """Cross-validate one pair: the mean accuracy of the folds, and its standard error."""
    data = np.load(train)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_score(SVC(C=C, gamma=gamma), data["pixels"], data["digits"], cv=folds)
    return {"accuracy": float(scores.mean()), "error": float(scores.std(ddof=1) / np.sqrt(FOLDS))}


@OP.function
def choose(
    pairs: List[Dict[str, float]], accuracies: List[float], train: Artifact(Path), test: Artifact(Path)
) -> {"best": Dict[str, float], "wrong": int, "tested": int, "map": Artifact(Path)}:
    """Train the best pair on all training digits, count what it gets wrong of the others, and draw the map."""
    best = pairs[int(np.argmax(accuracies))]
    data, unseen = np.load(train), np.load(test)
    predicted = SVC(**best).fit(data["pixels"], data["digits"]).predict(unseen["pixels"])
    draw(np.reshape(accuracies, (len(PENALTIES), len(WIDTHS))))
    wrong = int((predicted != unseen["digits"]).sum())
    return {"best": best, "wrong": wrong, "tested": len(predicted), "map": Path("sweep.png")}


def draw(accuracies: Any) -> None:
    """Write sweep.png: a row for each C, a column for each gamma; the best pair has a frame."""
    figure = Figure(figsize=(6.4, 3.8), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(100 * accuracies, cmap="viridis", vmin=80, vmax=100, aspect="auto", origin="lower")
    for (row, column), accuracy in np.ndenumerate(accuracies):
        colour = "white" if accuracy < 0.93 else "black"
        axes.text(column, row, f"{100 * accuracy:.1f}", ha="center", va="center", color=colour, fontsize=9)
    row, column = np.unravel_index(np.argmax(accuracies), accuracies.shape)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d1495b", linewidth=2.5))
    axes.set(title="Accuracy in five-fold cross-validation (%)", xlabel="gamma", ylabel="C")
    axes.set_xticks(range(len(WIDTHS)), [f"{width:g}" for width in WIDTHS])
    axes.set_yticks(range(len(PENALTIES)), [f"{penalty:g}" for penalty in PENALTIES])
    figure.colorbar(image, extend="min")
    figure.savefig("sweep.png")


def build_workflow(seed: int = 0) -> Workflow:
    """Three steps, the second of which is sliced: one step for each pair, run as wide as the machine is."""
    pairs = [{"C": C, "gamma": gamma} for C, gamma in product(PENALTIES, WIDTHS)]
    first = Step("split", PythonOPTemplate(split), parameters={"seed": seed}, key="split")
    slices = Slices(input_parameter=["C", "gamma"], output_parameter=["accuracy", "error"])
    second = Step(
        "validate",
        PythonOPTemplate(validate, slices=slices),
        parameters={**{name: [pair[name] for pair in pairs] for name in ("C", "gamma")}, "seed": seed},
        artifacts={"train": first.outputs.artifacts["train"]},
        key="validate-{{item.order}}",
    )
    third = Step(
        "choose",
        PythonOPTemplate(choose),
        parameters={"pairs": pairs, "accuracies": second.outputs.parameters["accuracy"]},
        artifacts={name: first.outputs.artifacts[name] for name in ("train", "test")},
        key="choose",
    )
    workflow = Workflow("parameter-sweep")
    for step in (first, second, third):
        workflow.add(step)
    return workflow


def main() -> None:
    """Run the workflow, print the five best pairs and what the best one is worth, and leave the map here."""
    workflow = build_workflow()
    workflow.submit()
    workflow.wait()  # it has ended already, unless it runs detached or on a server
    workflow.raise_for_status()
    chosen = workflow.query_step(key="choose")[0].outputs
    steps = [step for step in workflow.query_step(name="validate") if step.type == "Pod"]
    rows = [{name: p.value for name, p in {**s.inputs.parameters, **s.outputs.parameters}.items()} for s in steps]
    print("     C    gamma  accuracy (cross-validated)")
    for row in sorted(rows, key=lambda row: -row["accuracy"])[:5]:
        print(f"{row['C']:6g} {row['gamma']:8g}  {100 * row['accuracy']:.2f} ± {100 * row['error']:.2f} %")
    wrong, tested = (chosen.parameters[name].value for name in ("wrong", "tested"))
    print(f"the best pair, on digits that it has never seen: {wrong} of {tested} wrong")
    download_artifact(chosen.artifacts["map"])
    print("map: sweep.png")


if __name__ == "__main__":
    main()
