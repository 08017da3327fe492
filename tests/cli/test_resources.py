"""``dflow get --resources``: what steps have used."""
# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.cli.words import length, size_text
from dflow.python import OP, PythonOPTemplate


@pytest.fixture
def run() -> Workflow:
    @OP.function
    def busy() -> {"n": int}:
        import time

        block = b"x" * (60 << 20)
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        return {"n": len(block)}

    wf = Workflow("w", id="used")
    wf.add(Step("short", ShellOPTemplate("t", script="true"), key="short"))
    wf.add(Step("busy", PythonOPTemplate(busy)))
    wf.add(Step("sleeps", ShellOPTemplate("t2", script="sleep 1; exit 3"), continue_on_failed=True))
    wf.add(Step("skipped", ShellOPTemplate("t3", script="true"), when="1 == 2"))
    wf.submit()
    return wf


def test_table_has_a_row_for_each_step_that_ran_the_longest_first(run, dflow):
    data = dflow.json("get", run.id, "--resources")
    rows = data["steps"]
    assert [row["wall"] for row in rows] == sorted((row["wall"] for row in rows), reverse=True)
    by_name = {row["name"]: row for row in rows}
    assert len(rows) == len(by_name) == 3
    sleeps, busy, short = by_name["sleeps"], by_name["busy"], by_name["short"]
    assert (sleeps["exitCode"], sleeps["phase"], busy["exitCode"], short["key"]) == (3, "Failed", 0, "short")
    assert sleeps["wall"] >= 1
    assert busy["wall"] >= busy["cpu"] >= 0.3
    assert sleeps["cpu"] < 0.3
    assert busy["maxRss"] > 60 << 20
    total = data["total"]
    assert total["wall"] == pytest.approx(sum(row["wall"] for row in rows), abs=0.01)
    assert total["cpu"] == pytest.approx(sum(row["cpu"] for row in rows), abs=0.01)
    assert total["maxRss"] == max(row["maxRss"] for row in rows)
    assert 1.3 < total["span"] < 30


def test_text_has_totals_below(run, dflow):
    head, *lines, last = dflow("get", run.id, "--resources").stdout.splitlines()
    assert head.split() == ["NAME", "KEY", "PHASE", "WALL", "CPU", "MEMORY", "EXIT", "HOST"]
    assert len(lines) == 3
    assert last.startswith("3 steps: ")
    assert "largest memory" in last


def test_run_without_steps_has_an_empty_table(dflow):
    wf = Workflow("w", id="empty")
    wf.add([])
    wf.submit()
    assert dflow.json("get", "empty", "--resources")["steps"] == []
    assert dflow("get", "empty", "--resources").stdout.splitlines()[-1].startswith("0 steps: ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.6, "1m00s"), (185, "3m05s"),
        (7800, "2h10m"), (97 * 3600, "4d01h"),
    ],
)  # fmt: skip
def test_lengths(seconds, text):
    assert length(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(12, "12 B"), (3500, "3.4 KB"), (250 << 20, "250 MB"), (3 << 40, "3.0 TB")])
def test_sizes(size, text):
    assert size_text(size) == text
