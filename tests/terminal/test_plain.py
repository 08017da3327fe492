"""Lines for a log: few, whatever the size of the run."""

from __future__ import annotations

import pytest
from dflow import ShellOPTemplate, Step, Workflow, argo_range
from dflow.terminal.plain import PlainLines
from dflow.terminal.texts import Look

T = 1_000_000.0


@pytest.fixture
def lines_of():
    def make(j):
        plain = PlainLines(j.live, Look(), T)
        return lambda now: plain.lines(j.live.catch_up(), T + now)

    return make


def workflow(*names, copies=0):
    wf = Workflow("wf")
    for name in names:
        loop = {"with_param": argo_range(copies)} if copies else {}
        wf.add(Step(name, ShellOPTemplate(name, script="true"), **loop))
    return wf


def test_each_call_has_a_line_when_it_has_ended(written, lines_of):
    j = written(workflow("a", "b"))
    lines = lines_of(j)
    j.node(".a", "Pod", "Running", 0)
    assert lines(1) == []
    j.node(".a", "Pod", "Succeeded", 0, 2)
    j.node(".b", "Pod", "Failed", 2, 3.5, message="exited 1\nbecause")
    assert lines(4) == ["[ 2.0 s] ✔ a 2.0 s", "[ 3.5 s] ✖ b Failed: exited 1 because"]
    assert lines(5) == []


def test_a_loop_has_one_line_and_its_failures_have_theirs(written, lines_of):
    j = written(workflow("many", copies=1000))
    lines = lines_of(j)
    j.loop(".many", 1000)
    for n in range(1000):
        phase = "Failed" if n in (3, 5) else "Succeeded"
        j.node(f".many({n}:{n})", "Pod", phase, 0, n / 10, message="bad" if n in (3, 5) else "")
    assert lines(200) == [
        "[ 0.3 s] ✖ many(3:3) Failed: bad",
        "[ 0.5 s] ✖ many(5:5) Failed: bad",
        "[ 1m40s] ✖ many 1m40s: 998 done, 2 failed",
    ]


def test_ten_thousand_failures_are_fifty_lines(written, lines_of):
    j = written(workflow("many", copies=2000))
    lines = lines_of(j)
    j.loop(".many", 2000)
    for n in range(2000):
        j.node(f".many({n}:{n})", "Pod", "Failed", 0, n)
    found = lines(2000)
    assert len(found) == 52
    assert found[50] == "… failures that follow are not listed"
    assert found[51].endswith("2,000 failed")


def test_many_calls_are_two_hundred_lines(written, lines_of):
    j = written(workflow(*(f"s{n}" for n in range(300))))
    lines = lines_of(j)
    for n in range(300):
        j.node(f".s{n}", "Pod", "Succeeded", n, n + 1)
    assert len(lines(300)) == 201


def test_attempts_that_are_made_good_have_no_line(written, lines_of):
    j = written(workflow("a"))
    lines = lines_of(j)
    j.node(".a", "Retry", "Running", 0)
    j.node(".a.a(0)", "Pod", "Failed", 0, 1)
    j.node(".a.a(1)", "Pod", "Succeeded", 1, 2)
    j.node(".a", "Retry", "Succeeded", 0, 2)
    assert lines(3) == ["[ 2.0 s] ✔ a 2.0 s"]


def test_a_sign_of_life_comes_each_half_minute_with_what_runs_longest(written, lines_of):
    j = written(workflow("a", "b"))
    lines = lines_of(j)
    j.node(".a", "Pod", "Running", 0, dir="a")
    j.live.layout.step("a").root.mkdir()
    j.live.layout.step("a").log.write_text("epoch 7\n")
    assert lines(29) == []
    assert lines(30) == ["[  30 s] ● 1 running; a 30 s: epoch 7"]
    assert lines(59) == []
    assert lines(60) == ["[ 1m00s] ● 1 running; a 1m00s: epoch 7"]
    j.event(event="note", name="wf-1[0].a", text="queued in Slurm")
    assert lines(90) == ["[ 1m30s] ● 1 running; a 1m30s: queued in Slurm"]


def test_what_had_ended_before_has_no_line(written, lines_of):
    j = written(workflow("a", "b"))
    lines = lines_of(j)
    j.node(".a", "Pod", "Succeeded", -100, -90)
    j.node(".b", "Pod", "Succeeded", 1, 2)
    assert lines(3) == ["[ 2.0 s] ✔ b 1.0 s"]


def test_the_lines_of_a_run(written, lines_of, golden_screen):
    j = written(workflow("fetch", "explore", "train", copies=0))
    lines = lines_of(j)
    j.node(".fetch", "Pod", "Succeeded", 0, 2.1)
    j.loop(".explore", 200)
    for n in range(200):
        phase, message = ("Failed", "exited 1") if n == 17 else ("Succeeded", "")
        j.node(f".explore({n}:{n})", "Pod", phase, 2.2 + n / 5, 3 + n / 5, message=message)
    j.node(".train", "Pod", "Running", 43, dir="train")
    j.live.layout.step("train").root.mkdir()
    j.live.layout.step("train").log.write_text("epoch 7: loss 0.21\n")
    golden_screen("plain", [*lines(44), *lines(75)])
