"""``dflow list`` with filters, and the run that a word means."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow


@pytest.fixture
def runs(wf) -> list[str]:
    """Three runs, newest first: one of now, one of two hours and one of two days ago."""
    for name, age in (("other-old", 2 * 86400), ("other-new", 7200)):
        other = Workflow("other", id=name)
        other.add(Step("s", ShellOPTemplate("t", script="true")))
        other.submit()
        then = time.time() - age
        os.utime(Path(name, ".dflow", "graph.json"), (then, then))
    return [wf.id, "other-new", "other-old"]


def test_steps_of_a_loop_that_are_to_come_are_counted_while_it_runs(dflow, until, tmp_path):
    wf = Workflow("loop", id="loop-1", parallelism=2)
    wf.add(Step("first", ShellOPTemplate("t", script="true")))
    script = f"until test -e {tmp_path}/go; do sleep 0.05; done"
    wf.add(Step("many", ShellOPTemplate("s", script=script), with_param=range(7)))
    wf.submit(detach=True)
    until(lambda: "Running" in Path("loop-1/.dflow/journal.jsonl").read_text().rpartition('"loop"')[2])
    (row,) = dflow.json("list")
    assert (row["done"], row["steps"]) == (1, 8)
    (tmp_path / "go").touch()
    assert wf.wait(interval=0.05) == "Succeeded"
    (row,) = dflow.json("list")
    assert (row["done"], row["steps"]) == (8, 8)


def ids(rows: list[dict]) -> list[str]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], [0, 1, 2]),
        (["--phase", "succeeded"], [1, 2]),
        (["--phase", "Failed,Error"], [0]),
        (["--newer", "1h"], [0]),
        (["--newer", "1d"], [0, 1]),
        (["--older", "1h"], [1, 2]),
        (["--older", "1h", "--newer", "1d"], [1]),
        (["--name", "other"], [1, 2]),
        (["--name", "*-old"], [2]),
        (["--name", "old"], []),
        (["-l", "team=a"], [0]),
        (["--label", "team=a,kind=test"], [0]),
        (["--label", "team=b"], []),
    ],
)
def test_filters(runs, dflow, words, wanted):
    assert ids(dflow.json("list", *words)) == [runs[number] for number in wanted]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--phase", "Done"], "--phase Done: it must be one of Pending, Running"),
        (["--newer", "soon"], "--newer soon: it must be a length of time such as 30d"),
        (["--label", "team"], "--label team: it must be NAME=VALUE"),
    ],
)
def test_wrong_filters(runs, dflow, words, error):
    assert error in dflow("list", *words, status=2).stderr


def test_times_and_durations(wf, dflow):
    (row,) = dflow.json("list")
    assert sorted(row) == ["done", "duration", "finished", "id", "runner", "started", "status", "steps", "suspended"]
    assert 0 < row["duration"] < 30
    assert row["started"] <= row["finished"]
    head, line = dflow("list").stdout.splitlines()
    assert head.split() == ["ID", "STATUS", "STARTED", "TIME", "STEPS"]
    assert " s  " in line


def test_killed_run_took_until_it_was_killed(dflow, until):
    wf = Workflow("killed", id="killed")
    wf.add(Step("first", ShellOPTemplate("t", script="sleep 1.2")))
    wf.add(Step("s", ShellOPTemplate("t", script="sleep 60"), key="s"))
    wf.submit(detach=True)
    until(lambda: "s" in dflow.json("getkeys", "killed"))
    os.kill(dflow.json("get", "killed")["runner"]["pid"], signal.SIGKILL)
    until(lambda: dflow.json("list")[0]["runner"] is None)
    journal = Path("killed/.dflow/journal.jsonl")
    age_times = re.compile(r'("(?:at|started|finished)":)(\d+(?:\.\d+)?)')
    journal.write_text(age_times.sub(lambda found: f"{found[1]}{float(found[2]) - 1000}", journal.read_text()))
    os.utime(journal, (time.time() - 1000, time.time() - 1000))  # all that is long ago
    (row,) = dflow.json("list")
    assert row["status"] == "Terminated"
    assert 1 < row["duration"] < 60
    began = time.mktime(time.strptime(row["started"], "%Y-%m-%d %H:%M:%S"))
    assert time.time() - began > 900  # when it was begun, not when its graph was written last
    times = re.findall(r"(\d+) s\b", dflow("getsteps", "killed").stdout)
    assert times
    assert all(int(found) < 100 for found in times)


def test_suspended_run_is_called_so(dflow, until, tmp_path):
    wf = Workflow("held", id="held")
    wf.add(Step("s", ShellOPTemplate("t", script=f"while test ! -e {tmp_path}/go; do sleep 0.05; done")))
    wf.submit(detach=True)
    until(lambda: dflow.json("list")[0]["steps"] == 1)
    assert "suspended" not in dflow("list").stdout
    dflow("suspend", "held")
    until(lambda: "Running (suspended)" in dflow("list").stdout)
    assert "Running (suspended)" in dflow("get", "held").stdout
    assert [dflow.json("list")[0]["suspended"], dflow.json("get", "held")["suspended"]] == [True, True]
    dflow("terminate", "held")
    until(lambda: "suspended" not in dflow("list").stdout)


def test_running_run_has_a_duration_and_no_end(dflow, until):
    wf = Workflow("slow", id="slow")
    wf.add(Step("s", ShellOPTemplate("t", script="sleep 60")))
    wf.submit(detach=True)
    until(lambda: dflow.json("list")[0]["steps"] == 1)
    (row,) = dflow.json("list")
    assert (row["status"], row["finished"]) == ("Running", None)
    assert row["duration"] > 0
    wf.terminate()
    (row,) = dflow.json("list")
    assert row["status"] == "Terminated"
    assert row["finished"] is not None


@pytest.mark.parametrize("word", ["train-abc12", "train", "./train-abc12", "@latest"])
@pytest.mark.parametrize(
    "command", [["get"], ["getsteps"], ["getkeys"], ["graph"], ["doctor"], ["codegen"], ["logs"], ["wait"]]
)
def test_run_is_named_by_id_beginning_path_or_latest(wf, dflow, word, command):
    status = 1 if command == ["wait"] else 0
    assert dflow(*command, word, status=status).stdout


@pytest.mark.parametrize("word", ["train", "@latest"])
def test_resubmit_takes_such_words_too(wf, dflow, word):
    answer = dflow.json("resubmit", word, status=1)
    assert (answer["of"], answer["status"], answer["verb"]) == (wf.id, "Failed", "resubmit")
    assert Path(answer["id"], "status").read_text() == "Failed"
