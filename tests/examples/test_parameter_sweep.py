"""The sweep finds what scikit-learn's own grid search finds."""

from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

import numpy as np
from runs import Run, assert_picture, outputs, run_example

pytestmark = [pytest.mark.examples, pytest.mark.timeout(300)]
PENALTIES = [0.1, 0.3, 1.0, 3.0, 10.0]
WIDTHS = [3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(tmp_path_factory.mktemp("sweep"), "parameter_sweep/parameter_sweep.py")


def test_accuracies_are_those_of_a_grid_search_in_one_process(run: Run) -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
    from sklearn.svm import SVC

    pixels, digits = load_digits(return_X_y=True)
    train, test, train_digits, test_digits = train_test_split(
        pixels, digits, test_size=0.25, stratify=digits, random_state=0
    )
    grid = {"C": [1.0, 3.0, 10.0], "gamma": WIDTHS[2:4]}  # the part of the map that matters
    search = GridSearchCV(SVC(), grid, cv=StratifiedKFold(5, shuffle=True, random_state=0)).fit(train, train_digits)
    for pair, mean, deviation in zip(
        search.cv_results_["params"],
        search.cv_results_["mean_test_score"],
        search.cv_results_["std_test_score"],
        strict=True,
    ):
        order = PENALTIES.index(pair["C"]) * len(WIDTHS) + WIDTHS.index(pair["gamma"])
        found = outputs(run, f"validate-{order}")
        assert found["accuracy"] == pytest.approx(mean, abs=1e-9)
        assert found["error"] == pytest.approx(deviation / 2, abs=1e-9)  # sqrt(5/4) / sqrt(5)
    best = outputs(run, "choose")
    predicted = SVC(**best["best"]).fit(train, train_digits).predict(test)
    assert (best["wrong"], best["tested"]) == (int(np.sum(predicted != test_digits)), len(test))
    assert best["wrong"] <= 0.02 * best["tested"]  # scikit-learn's user guide: digits with gamma=0.001, 97 to 99 %


def test_every_pair_is_a_step_and_the_best_is_printed_first(run: Run) -> None:
    accuracies = [outputs(run, f"validate-{n}")["accuracy"] for n in range(30)]
    first = next(line for line in run.output.splitlines() if "±" in line)
    assert f"{100 * max(accuracies):.2f} ±" in first


def test_map_is_a_readable_picture(run: Run) -> None:
    assert_picture(run.folder / "sweep.png")


def test_nothing_else_is_left_behind(run: Run) -> None:
    assert sorted(path.name.split("-")[0] for path in Path(run.folder).iterdir()) == ["parameter", "sweep.png"]
