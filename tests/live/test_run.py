"""Real runs, as they are followed: calls that come, critical paths, runners that are gone."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from dflow import DAG, InputParameter, Inputs, ShellOPTemplate, Step, Steps, Task, Workflow, argo_range, config
from dflow.engine.layout import RunLayout
from dflow.engine.phase import Phase
from dflow.live.calls import calls_inside, templates_of, worst
from dflow.live.critical import critical_path
from dflow.live.run import LiveRun


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(config, "mode", "debug")


def sleep(name, seconds, **more):
    return ShellOPTemplate(name, script=f"sleep {seconds}", **more)


def followed(workflow):
    workflow.submit()
    live = LiveRun(RunLayout(Path(workflow.id).absolute()))
    live.catch_up()
    return live


def tree(live):
    templates, found = templates_of(live.graph), {}

    def walk(node, place):
        for call in calls_inside(node, templates):
            found["/".join((*place, call.name))] = call
            if call.node is not None and not call.node.is_leaf:
                walk(call.node, (*place, call.name))

    walk(live.view.root, ())
    return found


def test_calls_that_have_not_begun_are_there_with_what_they_wait_for():
    inner = Steps("inner")
    inner.add(Step("fail", ShellOPTemplate("fail", script="exit 1")))
    inner.add(Step("never", sleep("never", 0)))
    wf = Workflow("w", id="w")
    wf.add(Step("first", sleep("first", 0)))
    wf.add(Step("inner", inner))
    wf.add([Step("left", sleep("left", 0)), Step("right", sleep("right", 0))])
    found = tree(followed(wf))
    assert {name: str(call.phase) for name, call in found.items()} == {
        "first": "Succeeded",
        "inner": "Failed",
        "inner/fail": "Failed",
        "inner/never": "Pending",
        "left": "Pending",
        "right": "Pending",
    }
    assert found["inner/never"].after == ("fail",)
    assert found["left"].after == found["right"].after == ("inner",)


def test_a_fan_out_is_one_call_with_all_its_copies():
    wf = Workflow("w", id="w")
    wf.add(Step("many", sleep("many", 0), with_param=argo_range(7), key="m-{{item}}"))
    live = followed(wf)
    (call,) = tree(live).values()
    assert (call.is_loop, call.copies.expected, call.copies.done, call.phase) == (True, 7, 7, Phase.SUCCEEDED)


def test_a_fan_out_of_a_dag_is_one_call_with_all_its_copies():
    dag = DAG("d")
    one = Task("one", sleep("one", 0))
    dag.add(one)
    dag.add(Task("many", sleep("many", 0), with_param=[1, 2, 3], dependencies=[one]))
    wf = Workflow("w", id="w", dag=dag)
    found = tree(followed(wf))
    assert found["many"].after == ("one",)
    assert (found["many"].is_loop, found["many"].copies.expected) == (True, 3)
    assert found["many"].phase is Phase.SUCCEEDED


def test_the_critical_path_is_what_was_waited_for():
    dag = DAG("d")
    quick, slow = Task("quick", sleep("quick", 0)), Task("slow", sleep("slow", 0.4))
    after_quick = Task("after-quick", sleep("after-quick", 0), dependencies=[quick])
    last = Task("last", sleep("last", 0.1), dependencies=[slow, after_quick])
    for task in (quick, slow, after_quick, last):
        dag.add(task)
    wf = Workflow("w", id="w")
    wf.add(Step("first", sleep("first", 0.1)))
    wf.add(Step("dag", dag))
    live = followed(wf)
    links = critical_path(live.view, templates_of(live.graph), time.time())
    assert [link.node.display for link in links] == ["first", "slow", "last"]
    whole = sum(link.waited + link.seconds for link in links)
    assert whole == pytest.approx(live.view.finished - live.view.root.started, abs=0.2)


def test_the_critical_path_goes_through_the_copy_that_ended_last():
    wf = Workflow("w", id="w")
    waits = ShellOPTemplate(
        "waits", script="sleep 0.{{inputs.parameters.n}}", inputs=Inputs(parameters={"n": InputParameter()})
    )
    wf.add(Step("many", waits, parameters={"n": "{{item}}"}, with_param=[0, 4, 1], key="m-{{item}}"))
    wf.add(Step("last", sleep("last", 0)))
    live = followed(wf)
    links = critical_path(live.view, templates_of(live.graph), time.time())
    assert [link.node.key or link.node.display for link in links] == ["m-4", "last"]


def test_a_run_whose_runner_is_gone_has_no_running_nodes():
    wf = Workflow("w", id="w")
    wf.add(Step("a", sleep("a", 0), key="a"))
    wf.submit()
    layout = RunLayout(Path("w").absolute())
    events = [json.loads(line) for line in layout.journal.read_text().splitlines()]
    half = [event for event in events if event["phase"] == "Running"]
    layout.journal.write_text("".join(json.dumps(event) + "\n" for event in half))
    Path("w/a/phase").write_text("Running")
    layout.status.write_text("Running")
    live = LiveRun(layout)
    live.catch_up()
    assert live.status == "Terminated"
    assert {str(node.phase) for node in live.view.nodes.values()} == {"Pending"}
    assert not live.view.running


def test_a_step_that_was_committed_before_the_kill_has_its_phase():
    wf = Workflow("w", id="w")
    wf.add(Step("a", sleep("a", 0), key="a"))
    wf.submit()
    layout = RunLayout(Path("w").absolute())
    lines = layout.journal.read_text().splitlines(keepends=True)
    layout.journal.write_text("".join(lines[: [("Succeeded" in line) for line in lines].index(True)]))
    layout.status.write_text("Running")
    live = LiveRun(layout)
    live.catch_up()
    assert {node.display: str(node.phase) for node in live.view.nodes.values()} == {"w": "Pending", "a": "Succeeded"}


def test_without_a_journal_the_directories_are_read():
    wf = Workflow("w", id="w")
    wf.add(Step("a", sleep("a", 0), key="a"))
    wf.add(Step("many", sleep("many", 0), with_param=[1, 2], key="m-{{item}}"))
    wf.submit()
    Path("w/.dflow/journal.jsonl").write_bytes(b"\x00garbage\n")
    live = LiveRun(RunLayout(Path("w").absolute()))
    live.catch_up()
    assert (live.view.phase, dict(+live.view.counts)) == (Phase.SUCCEEDED, {Phase.SUCCEEDED: 3})
    assert {name: str(call.phase) for name, call in tree(live).items()} == {"a": "Succeeded", "many": "Succeeded"}


def test_a_group_that_was_reused_has_no_calls_that_wait():
    def made(name):
        inner = Steps("inner")
        inner.add(Step("a", sleep("a", 0)))
        wf = Workflow(name, id=name)
        wf.add(Step("inner", inner, key="inner"))
        return wf

    first = made("first")
    first.submit()
    second = made("second")
    second.submit(reuse_step=first.query_step(key="inner"))
    live = LiveRun(RunLayout(Path("second").absolute()))
    live.catch_up()
    found = tree(live)
    assert found["inner"].node.reused == "first"
    assert "inner/a" not in found


def test_a_run_that_was_deleted_is_damaged_and_nothing_breaks():
    live = LiveRun(RunLayout(Path("gone").absolute()))
    assert live.catch_up() == []
    assert (live.status, live.graph) == ("damaged", None)


def test_nothing_is_written():
    wf = Workflow("w", id="w")
    wf.add(Step("a", sleep("a", 0), key="a"))
    wf.submit()
    before = {path: path.lstat().st_mtime_ns for path in Path("w").rglob("*")}
    live = LiveRun(RunLayout(Path("w").absolute()))
    live.catch_up()
    assert live.graph is not None
    assert {path: path.lstat().st_mtime_ns for path in Path("w").rglob("*")} == before


def test_the_worst_phase_is_what_a_person_must_know():
    assert worst(Counter()) is None
    assert worst(Counter({Phase.SUCCEEDED: 5, Phase.RUNNING: 1})) is Phase.RUNNING
    assert worst(Counter({Phase.RUNNING: 5, Phase.FAILED: 1, Phase.SUCCEEDED: 0})) is Phase.FAILED


def test_what_is_read_at_once_is_what_is_read_line_by_line():
    wf = Workflow("w", id="w")
    wf.add(Step("a", sleep("a", 0), key="a"))
    wf.add(Step("many", sleep("many", 0), with_param=argo_range(9), key="m-{{item}}"))
    wf.submit()
    lines = Path("w/.dflow/journal.jsonl").read_text().splitlines(keepends=True)
    whole = LiveRun(RunLayout(Path("w").absolute()))
    whole.catch_up()
    Path("w/.dflow/journal.jsonl").write_text("")
    slow = LiveRun(RunLayout(Path("w").absolute()))
    for line in lines:
        with Path("w/.dflow/journal.jsonl").open("a") as stream:
            stream.write(line)
        slow.refresh()
    seen = [
        [(n.name, n.phase, n.started, n.finished, n.key) for n in live.view.nodes.values()] for live in (whole, slow)
    ]
    assert seen[0] == seen[1]
    assert whole.view.counts[Phase.SUCCEEDED] == slow.view.counts[Phase.SUCCEEDED] == 10
