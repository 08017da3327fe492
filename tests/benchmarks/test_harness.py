"""The benchmarks measure what they say; nothing here depends on how fast the machine is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from harness import readme, report, targets
from harness.lean import INODES
from harness.measure import Cell
from harness.plan import CASES, LEAN, Job, Plan

if TYPE_CHECKING:
    from pathlib import Path


def job(code: str = "", **fields: object) -> Job:
    """A job that runs this code once."""
    known = {"case": "x", "label": "1", "repetitions": 1, "limit": 20.0, "contenders": ("ours",)}
    return Job(arguments=("-c", code), **(known | fields))  # type: ignore[arg-type]


SCRIPT = """
import json, os, sys
from dataclasses import asdict, replace
from pathlib import Path

from harness import interpreters, process
from harness.measure import Bench
from harness.plan import Job

process.adopt_orphans()
ours = replace(interpreters.ours(), environment=dict(os.environ))
bench = Bench([ours, replace(ours, label="upstream")], Path.cwd() / "runs")
cells = []
for code, fields in json.load(sys.stdin):
    known = {"case": "x", "label": "1", "repetitions": 1, "limit": 20.0, "contenders": ("ours",)}
    cells.append(bench.measure(Job(arguments=("-c", code), **(known | fields))))
print(json.dumps([{label: asdict(cell) for label, cell in row.items()} for row in cells]))
"""


def measure(folder: Path, *jobs: tuple[str, dict[str, object]]) -> list[dict[str, Cell]]:
    """What a bench measures of these jobs; in a process of its own, because it ends all its children."""
    rows = json.loads(script_output(SCRIPT, folder, json.dumps(jobs)))
    return [{label: cell_of(cell) for label, cell in row.items()} for row in rows]


def script_output(script: str, folder: Path, text: str = "") -> str:
    """Run a script that may import the harness."""
    return subprocess.run(
        [sys.executable, "-c", script],
        input=text,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(CASES.parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def cell_of(fields: dict[str, Any]) -> Cell:
    """A cell from its JSON."""
    return Cell(**(fields | {name: tuple(fields[name]) for name in ("samples", "failures")}))


@pytest.mark.parametrize("mode", ["fork1", "fork2", "warm"])
def test_the_floor_leaves_what_a_step_leaves(mode: str, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LEAN), mode, "5"], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert {"wall", "cpu", "status"} == set(json.loads(done.stdout))
    for number in range(5):
        step = tmp_path / "steps" / str(number)
        assert 1 + len(list(step.rglob("*"))) == INODES == 13
        assert (step / "outputs/parameters/y").read_text() == str(number + 1)
        assert (step / "phase").read_text() == "Succeeded"


@pytest.mark.parametrize(
    ("case", "arguments"),
    [
        ("cold_start", ["1"]),
        ("chain", ["2"]),
        ("independent", ["2"]),
        ("fan_out", ["3"]),
        ("layered", ["1"]),
        ("resume", ["2"]),
        ("resume", ["2", "--how", "retry"]),
        ("many_artifacts", ["2"]),
        ("big_artifact", ["5"]),
        ("wrong_failures", ["1"]),
    ],
)
def test_a_case_checks_its_result_and_prints_one_line(case: str, arguments: list[str], tmp_path: Path):
    done = subprocess.run(
        [sys.executable, str(CASES / f"{case}.py"), *arguments],
        cwd=tmp_path,
        env=os.environ | {"DFLOW_MODE": "debug"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["status"] == "Succeeded"
    if case == "big_artifact":
        assert 5 < result["disk"] < 8  # MB: source and run, so the artifact is there once
    if case == "wrong_failures":
        assert (result["failed"], result["runs"]) == (0, 1)


def test_disk_usage_counts_an_inode_once_and_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(CASES))
    import measured

    (tmp_path / "run").mkdir()
    (tmp_path / "run/file").write_bytes(os.urandom(100_000))
    once = measured.disk_usage(str(tmp_path / "run"))
    (tmp_path / "run/same").hardlink_to(tmp_path / "run/file")
    (tmp_path / "run/link").symlink_to(tmp_path / "run/file")

    assert 100_000 <= once < 120_000
    assert measured.disk_usage(str(tmp_path / "run")) < once + 5_000


MEMORY_SCRIPT = """
import json, subprocess, sys
from pathlib import Path

from harness.memory import Sampler

hold = [sys.executable, "-c", "block = b'x' * 60_000_000; print(1, flush=True); input()"]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
first, step = (subprocess.Popen(hold, cwd=folder, **pipes) for folder in ("run", "run/step/workdir"))
for process in (first, step):
    process.stdout.readline()
sampler = Sampler(first.pid, Path("run"))
peaks = []
for _ in range(2):
    sampler.sample()
    peaks.append(sampler.peaks)
for process in (first, step):
    process.communicate(b" ")
print(json.dumps(peaks))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_of_steps_is_kept_apart(tmp_path: Path):
    (tmp_path / "run/step/workdir").mkdir(parents=True)
    once, twice = json.loads(script_output(MEMORY_SCRIPT, tmp_path))

    assert once["engine_memory"] == 0  # seen for the first time
    assert 60 <= twice["main_memory"] < 100
    assert 60 <= twice["engine_memory"] < 100
    assert 120 <= twice["tree_memory"] < 200


def test_contenders_take_turns(tmp_path: Path):
    [cells] = measure(tmp_path, ("print('{}')", {"repetitions": 2, "contenders": ["ours", "upstream"]}))

    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == ["0000-ours", "0001-upstream", "0002-ours", "0003-upstream"]
    assert [len(cell.samples) for cell in cells.values()] == [2, 2]


def test_a_run_at_its_limit_is_stopped_and_larger_sizes_are_left_out(tmp_path: Path):
    endless = ("import time; time.sleep(60)", {"limit": 0.3, "repetitions": 2})
    stopped, larger = measure(tmp_path, endless, ("print('{}')", {"label": "2"}))

    assert stopped["ours"] == Cell(limit=0.3)
    assert larger["ours"] == Cell()


def test_failed_and_skipped_runs_are_told_apart(tmp_path: Path):
    line = json.dumps({"status": "skipped", "reason": "not here"})
    failed, skipped = measure(
        tmp_path, ("raise SystemExit('no such luck')", {"steps": 1}), (f"print({line!r})", {"steps": 1})
    )

    assert failed["ours"].failures == ("exit status 1, workflow not run: no such luck",)
    assert skipped["ours"] == Cell(skipped="not here")
    assert report.remarks([report.Row(job(), skipped)]) == ["skipped: x 1, ours: not here"]


def test_cpu_leaves_out_what_came_before_and_after_the_run(tmp_path: Path):
    line = json.dumps({"status": "Succeeded", "wall": 1, "uncounted_cpu": 5})
    [cells] = measure(tmp_path, (f"print({line!r})", {"steps": 1}))

    sample = cells["ours"].samples[0]
    assert sample["wall"] == 1
    assert sample["cpu"] == sample["process_cpu"] - 5


def fan(steps: int, **cells: dict[str, float]) -> report.Row:
    """A row of the case fan_out."""
    shown = job(case="fan_out", label=str(steps), steps=steps)
    return report.Row(shown, {label: Cell(samples=(values,)) for label, values in cells.items()})


def test_targets_are_ratios_within_the_run():
    rows = [
        fan(
            100,
            ours={"wall": 0.2, "cpu": 0.3},
            floor={"wall": 0.1, "cpu": 0.1},
            upstream={"wall": 40.0, "cpu": 60.0},
        ),
        fan(10_000, ours={"wall": 24.0, "cpu": 30.0}),
    ]
    found = {verdict.name: verdict for verdict in targets.verdicts(rows)}

    assert found["fan-out, wall / floor"].measured == pytest.approx(2)
    assert found["fan-out, wall / floor"].is_met
    assert not found["fan-out, cpu / floor"].is_met
    assert found["fan-out, upstream / ours"].is_met
    assert found["fan-out, wall per step, 10000 / 100"].measured == pytest.approx(1.2)
    assert not found["fan-out, wall per step, 10000 / 100"].is_met
    assert rows[0].texts()[-1] == "2 / 3"


def test_further_steps_are_counted_without_what_a_run_costs_once():
    walls = {100: 1.1, 1000: 2.0, 10_000: 20.0}  # one second once, 1 ms for each further step, then 2 ms
    rows = [fan(steps, ours={"wall": wall}, floor={"wall": steps * 0.0005}) for steps, wall in walls.items()]
    found = {verdict.name: verdict.measured for verdict in targets.verdicts(rows)}

    assert found["fan-out, wall / floor, each further step"] == pytest.approx(2)
    assert found["fan-out, wall of further steps, to 10000 / to 1000"] == pytest.approx(2)
    assert found["fan-out, wall per step, 10000 / 100"] == pytest.approx(20 / 110)


def test_a_target_without_a_measurement_is_left_out():
    assert targets.verdicts([report.Row(job(case="warm", steps=300), {"ours": Cell(skipped="not here")})]) == []


def test_each_size_of_upstream_is_one_of_ours_too():
    plan = Plan(("fan_out", "resume"), quick=False, repetitions=3, limit=1)
    jobs = {(one.case, one.label): one.contenders for one in plan.jobs()}

    assert jobs["fan_out", "100"] == ("ours", "floor", "upstream")
    assert jobs["fan_out", "10000"] == ("ours", "floor")
    assert ("resume", "50 retry") not in jobs


def test_the_results_go_between_the_markers(tmp_path: Path):
    file = tmp_path / "README.md"
    file.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    readme.put(file, "new")

    assert file.read_text() == f"before\n{readme.BEGIN}\nnew\n\n{readme.END}\nafter\n"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="no place for the results"):
        readme.put(file, "new")
