"""The notebook runs from its first cell to its last, and finds what is known of the logistic map."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import EXAMPLES, assert_picture

pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = [pytest.mark.examples, pytest.mark.timeout(200)]
NOTEBOOK = EXAMPLES / "notebook" / "chaos.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a copy of the notebook was run, with its outputs."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(NOTEBOOK, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DFLOW_PROGRESS", "auto")
        notebook = nbformat.read(folder / NOTEBOOK.name, as_version=4)
        client = nbclient.NotebookClient(notebook, timeout=150, resources={"metadata": {"path": str(folder)}})
        nbformat.write(client.execute(), folder / NOTEBOOK.name)
    return folder


def cells(folder: Path) -> list[Any]:
    return nbformat.read(folder / NOTEBOOK.name, as_version=4).cells


def printed(folder: Path) -> str:
    streams = (output for cell in cells(folder) for output in cell.get("outputs", []) if output.output_type == "stream")
    return "".join(output.text for output in streams if output.name == "stdout")


def test_it_is_committed_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(code) >= 6
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_run_is_shown_below_its_cell(folder: Path) -> None:
    shown = [
        output["data"]["text/plain"]
        for cell in cells(folder)
        for output in cell.get("outputs", [])
        if output.output_type == "display_data" and "text/html" in output["data"]
    ]
    assert any("8/8" in text for text in shown), shown


def test_chaos_begins_where_feigenbaum_says(folder: Path) -> None:
    onset = re.search(r"chaos begins at r = (\d\.\d+)", printed(folder))
    assert onset, printed(folder)
    assert float(onset[1]) == pytest.approx(3.569946, abs=0.003)  # M. J. Feigenbaum, J. Stat. Phys. 19, 25 (1978)


def test_exponent_and_visited_values_are_those_of_theory(folder: Path) -> None:
    data = np.load(folder / "all.npz")
    assert len(data["r"]) == 800
    near = int(np.abs(data["r"] - 2.9).argmin())  # one fixed point, 1 - 1/r, of slope 2 - r
    assert data["visited"][:, near] == pytest.approx(1 - 1 / data["r"][near], abs=1e-9)
    assert data["exponent"][near] == pytest.approx(math.log(abs(2 - data["r"][near])), abs=0.01)
    assert data["exponent"][-1] == pytest.approx(math.log(2), abs=0.05)  # exactly ln 2 at r = 4
    two = int(np.abs(data["r"] - 3.2).argmin())
    assert len(np.unique(data["visited"][:, two].round(6))) == 2


def test_second_run_reuses_the_steps_of_the_first(folder: Path) -> None:
    runs = sorted((path.parent for path in folder.glob("*/status")), key=lambda path: path.stat().st_mtime)
    assert len(runs) == 2
    assert "join ran again: True" in printed(folder)
    records = [json.loads((run / "scan-0" / ".step").read_text()) for run in runs]
    assert records[0] != records[1]
    reused = [run for run in runs if not (run / "scan-0" / "log.txt").exists()]
    assert len(reused) == 1


def test_picture_is_readable(folder: Path) -> None:
    assert_picture(folder / "chaos.png")
