"""The manifest of the Argo example gives the outputs of the script, which are those of the literature."""

import csv
from pathlib import Path

import pytest
from runs import EXAMPLES, Run, outputs, run_example

SCRIPT = "argo_export/speed_of_light.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_example(tmp_path_factory.mktemp("light"), SCRIPT)


def test_result_is_that_of_the_literature(run: Run) -> None:
    # Means: S. M. Stigler, Annals of Statistics 5, 1055 (1977), table 6; F: one-way analysis of R's data set `morley`
    found = outputs(run, "combine")["result"]
    assert found["mean"] == pytest.approx(852.4, abs=1e-9)
    assert found["naive"] == pytest.approx(7.901, abs=0.001)
    assert found["F"] == pytest.approx(4.288, abs=0.001)
    deviations = [outputs(run, f"series-{n}")["summary"]["deviation"] for n in range(5)]
    assert deviations == pytest.approx([104.93, 61.16, 79.11, 60.04, 54.22], abs=0.005)


def test_analysis_of_variance_is_that_of_scipy(run: Run) -> None:
    stats = pytest.importorskip("scipy.stats")
    lines = (EXAMPLES / "argo_export" / "speed_of_light.csv").read_text().splitlines()
    series = [[float(value) for value in row["values"].split()] for row in csv.DictReader(lines[1:])]
    assert [len(values) for values in series] == [20] * 5
    assert outputs(run, "combine")["result"]["F"] == pytest.approx(stats.f_oneway(*series).statistic)


@pytest.mark.examples
def test_manifest_is_clean_and_gives_the_same_outputs(run: Run, tmp_path: Path) -> None:
    run_example(tmp_path, SCRIPT)
    run_example(tmp_path, SCRIPT, "-o", "speed.yaml", verb="export")
    lint = run_example(tmp_path, str(tmp_path / "speed.yaml"), verb="lint")
    assert "0 errors, 0 other remarks" in lint.output
    run_example(tmp_path, str(tmp_path / "speed.yaml"))
    assert "2 runs, 6 steps each: all outputs are the same" in run_example(tmp_path, SCRIPT, "--compare").output


@pytest.mark.examples
def test_compare_finds_a_difference(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "speed_of_light.py"
    for text in (None, "850 740"):
        script.write_text((EXAMPLES / SCRIPT).read_text(encoding="utf-8"), encoding="utf-8")
        data = (EXAMPLES / "argo_export" / "speed_of_light.csv").read_text()
        (tmp_path / "speed_of_light.csv").write_text(data.replace(text, "851 740") if text else data)
        run_example(tmp_path, str(script))
    with pytest.raises(AssertionError, match="not all outputs are the same"):
        run_example(tmp_path, str(script), "--compare")
