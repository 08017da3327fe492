"""Steps and DAG templates that are tried again as a whole, also when the engine is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from dflow.engine.control import post_request
from dflow.engine.model import (
    Call,
    DagTemplate,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    Retry,
    ScriptTemplate,
    Sequence,
    StepsTemplate,
)
from dflow.engine.retry_groups import RetryGroup
from until import until

RUN = """
import sys
from pathlib import Path
from dflow.engine.layout import RunLayout
from dflow.engine.runner import run
from dflow.executors import make_executor
run(RunLayout(Path(sys.argv[1])), make_executor)
"""
GIVES_X = Outputs((OutputParameter("x", path="/tmp/x"),))


@pytest.fixture
def witness(tmp_path):
    """Who ran, in order."""
    file = tmp_path / "witness"
    return lambda: file.read_text().split() if file.exists() else []


@pytest.fixture
def inner(shell, tmp_path):
    """A Steps template: ``a`` gives its attempt's number, ``b`` fails until the attempt of the number in ``good``."""
    sign = f">> {tmp_path}/witness"
    takes = Inputs((InputParameter("n"),))
    number = (("n", Ref("retries")),)
    a = shell(
        "a",
        f"echo a{{{{inputs.parameters.n}}}} {sign}; echo {{{{inputs.parameters.n}}}} > /tmp/x",
        inputs=takes,
        outputs=GIVES_X,
    )
    b = shell(
        "b",
        f"echo b{{{{inputs.parameters.n}}}} {sign}; test -e {tmp_path}/hold-{{{{inputs.parameters.n}}}} && "
        f"{{ echo $$ > {tmp_path}/pid; sleep 60 & wait; }}; "
        f"test {{{{inputs.parameters.n}}}} -ge $(cat {tmp_path}/good)",
        inputs=takes,
    )

    def make(retry=None, *, keys=True):
        key_a, key_b = (Literal("a"), Literal("b")) if keys else (None, None)
        groups = ((Call("a", "a", number, key=key_a),), (Call("b", "b", number, key=key_b),))
        given = Outputs((OutputParameter("x", source=Ref("steps.a.outputs.parameters.x")),))
        return [StepsTemplate("inner", groups, outputs=given, retry=retry or Retry(limit=3)), a, b]

    (tmp_path / "good").write_text("2")
    return make


def test_all_of_it_runs_again_under_nodes_of_its_own(runner, steps, inner, witness):  # RT-05, ND-04
    result = runner.go(steps(Call("s", "inner"), templates=inner()))
    assert runner.status == "Succeeded"
    assert witness() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert runner.phases == {
        "": "Succeeded",
        "[0].s": "Succeeded",
        "[0].s(0)": "Failed",
        "[0].s(0)[0].a": "Succeeded",
        "[0].s(0)[1].b": "Failed",
        "[0].s(1)": "Failed",
        "[0].s(1)[0].a": "Succeeded",
        "[0].s(1)[1].b": "Failed",
        "[0].s(2)": "Succeeded",
        "[0].s(2)[0].a": "Succeeded",
        "[0].s(2)[1].b": "Succeeded",
    }
    assert (runner.nodes["[0].s"]["type"], runner.nodes["[0].s(1)"]["type"]) == ("Retry", "Steps")
    assert runner.nodes["[0].s(1)"]["parent"] == runner.nodes["[0].s"]["id"]
    assert runner.nodes["[0].s"]["retries"] == 2
    assert result.failures == ()


def test_its_outputs_are_those_of_the_last_attempt(runner, steps, inner):  # RT-06
    runner.go(steps(Call("s", "inner"), templates=inner()))
    assert runner.nodes["[0].s"]["outputs"]["parameters"]["x"]["value"] == "2"


def test_the_directory_of_a_key_is_that_of_the_last_attempt(runner, steps, inner, caplog):
    runner.go(steps(Call("s", "inner"), templates=inner()))
    values = {d.name: (d / "outputs/parameters/x").read_text().strip() for d in runner.layout.root.glob("a*")}
    assert values == {"a": "2", "a.bk1": "0", "a.bk2": "1"}
    assert "same key" not in caplog.text


def test_when_no_retries_are_left_it_fails_and_says_so(runner, steps, inner, tmp_path):  # RT-06
    (tmp_path / "good").write_text("9")
    result = runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=1))))
    assert runner.status == "Failed"
    assert runner.nodes["[0].s"]["message"] == "no more retries left: step 'b' ended Failed"
    assert [node.name for node in result.failures] == ["wf-1[0].s(1)[1].b"]


@pytest.mark.parametrize(("on", "attempts"), [("failure", 3), ("error", 1)])
def test_the_policy_looks_at_the_phase_of_the_whole(runner, steps, inner, witness, on, attempts):  # RT-01
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=2, on=(on,)))))
    assert len([who for who in witness() if who.startswith("a")]) == attempts


def test_an_expression_sees_how_often_it_was_tried(runner, steps, inner, witness, tmp_path):  # RT-02
    (tmp_path / "good").write_text("9")
    retry = Retry(limit=9, expression="asInt(retries) < 1 && lastRetry.status == 'Failed'")
    runner.go(steps(Call("s", "inner"), templates=inner(retry)))
    assert witness() == ["a0", "b0", "a1", "b1"]


def test_a_strategy_with_a_wrong_expression_is_an_error(runner, steps, inner):  # RT-02
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=9, expression="1 + 1"))))
    assert runner.phases["[0].s"] == "Error"


def test_an_error_of_an_attempt_itself_is_forgotten_by_the_next(wrong, steps, shell):
    outputs = Outputs((OutputParameter("x", source=Ref("steps.a.outputs.parameters.none")),))
    inner = StepsTemplate("inner", ((Call("a", "ok"),),), outputs=outputs, retry=Retry(limit=1, on=("error",)))
    result = wrong.go(steps(Call("s", "inner"), templates=[inner, shell("ok", "true")]))
    assert [node.name for node in result.failures] == ["wf-1[0].s(1)"]
    assert wrong.phases["[0].s"] == "Error"


def test_a_dag_is_tried_again_too(runner, steps, inner, shell, witness):  # RT-05
    (_, a, b) = inner()
    number = (("n", Ref("retries")),)
    tasks = (Call("a", "a", number), Call("b", "b", number, dependencies=("a",)))
    runner.go(steps(Call("s", "dag"), templates=[DagTemplate("dag", tasks, retry=Retry(limit=2)), a, b]))
    assert runner.status == "Succeeded"
    assert runner.phases["[0].s(2).b"] == "Succeeded"
    assert witness() == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_the_entry_of_a_workflow_is_tried_again(runner, steps, inner):
    (_, a, b) = inner()
    graph = steps(Call("a", "a", (("n", Ref("retries")),)), Call("b", "b", (("n", Ref("retries")),)), templates=[a, b])
    (main,) = [t for t in graph.templates if t.name == "main"]
    again = replace(main, retry=Retry(limit=2))
    runner.go(replace(graph, templates=tuple(again if t is main else t for t in graph.templates)))
    assert runner.status == "Succeeded"
    assert {"(0)": "Failed", "(1)": "Failed", "(2)": "Succeeded", "": "Succeeded"}.items() <= runner.phases.items()


def test_each_copy_of_a_loop_is_tried_again_by_itself(runner, steps, inner, witness):
    call = Call("s", "inner", loop=_over("0", "1"))
    runner.go(steps(call, templates=inner(keys=False), parallelism=1))
    assert runner.status == "Succeeded"
    assert runner.phases["[0].s(0:0)(2)"] == runner.phases["[0].s(1:1)(2)"] == "Succeeded"
    assert sorted(witness()) == sorted(["a0", "b0", "a1", "b1", "a2", "b2"] * 2)


def _over(first, last):
    return Loop(Sequence(start=Literal(first), end=Literal(last)))


def test_a_retry_inside_of_a_retry_counts_by_itself(runner, steps, inner, witness, tmp_path):
    (tmp_path / "good").write_text("1")
    outer = StepsTemplate("outer", ((Call("s", "inner"),), (Call("c", "c"),)), retry=Retry(limit=1))
    templates = inner(Retry(limit=1))
    mark = ScriptTemplate("c", "shell", f"echo c >> {tmp_path}/witness; test $(grep -c c {tmp_path}/witness) -ge 2")
    runner.go(steps(Call("o", "outer"), templates=[outer, mark, *templates]))
    assert runner.status == "Succeeded"
    assert witness() == ["a0", "b0", "a1", "b1", "c"] * 2
    assert sorted(d.name for d in runner.layout.root.glob("b*")) == ["b", "b.bk1", "b.bk2", "b.bk3"]


def test_what_succeeds_is_not_tried_again(runner, steps, inner, witness, tmp_path):
    (tmp_path / "good").write_text("0")
    runner.go(steps(Call("s", "inner"), templates=inner()))
    assert witness() == ["a0", "b0"]


# -- time -----------------------------------------------------------------------------------------------------------


def test_the_wait_grows_from_attempt_to_attempt(runner, steps, inner):  # RT-04
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=3, wait=0.2, factor=2))))
    first, second, third = (runner.nodes[f"[0].s({n})"] for n in range(3))
    assert 0.2 <= second["started"] - first["finished"] < 0.4 <= third["started"] - second["finished"]


def test_no_attempt_begins_whose_wait_would_cross_the_longest_duration(runner, steps, inner, witness):  # RT-04
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=3, wait=60, max_duration=30))))
    assert witness() == ["a0", "b0"]
    assert runner.status == "Failed"


def test_the_longest_duration_ends_the_steps_of_the_attempt_that_runs(runner, steps, inner, tmp_path):  # RT-04
    (tmp_path / "hold-0").touch()
    start = time.monotonic()
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=3, max_duration=1.5))))
    assert 1 < time.monotonic() - start < 15
    assert runner.status == "Failed"
    assert "time limit" in runner.nodes["[0].s(0)[1].b"]["message"]


@pytest.mark.parametrize(("longest", "marks"), [(None, 3), (30.0, 1)])
def test_the_longest_duration_of_a_leaf(runner, steps, shell, tmp_path, longest, marks):  # RT-04
    retry = Retry(limit=2, wait=0.01 if longest is None else 40, max_duration=longest)
    leaf = shell("leaf", f"echo x >> {tmp_path}/witness; exit 1", pod=Pod(retry=retry))
    runner.go(steps(Call("s", "leaf"), templates=[leaf]))
    assert len((tmp_path / "witness").read_text().split()) == marks


def test_the_longest_duration_ends_a_running_leaf(runner, steps, shell, tmp_path):  # RT-04
    leaf = shell("leaf", f"echo x >> {tmp_path}/witness; sleep 60", pod=Pod(retry=Retry(limit=5, max_duration=0.7)))
    runner.go(steps(Call("s", "leaf"), templates=[leaf]))
    assert runner.status == "Failed"
    assert "time limit" in runner.nodes["[0].s"]["message"]
    assert (tmp_path / "witness").read_text().split() == ["x"]


def test_a_stop_ends_the_wait(runner, steps, inner):
    runner.create(steps(Call("s", "inner"), templates=inner(Retry(limit=3, wait=600))))
    thread = threading.Thread(target=runner.go)
    thread.start()
    until(lambda: runner.phases.get("[0].s(0)") == "Failed")
    post_request(runner.layout, "terminate")
    thread.join(20)
    assert not thread.is_alive()
    assert (runner.status, runner.phases["[0].s"]) == ("Terminated", "Failed")


# -- going on after a kill --------------------------------------------------------------------------------------------


@pytest.fixture
def killed_in(runner, steps, inner, tmp_path):
    """Kill the engine while ``b`` of an attempt runs."""

    def kill(attempt):
        (tmp_path / f"hold-{attempt}").touch()
        runner.create(steps(Call("s", "inner"), templates=inner()))
        process = subprocess.Popen([sys.executable, "-c", RUN, str(runner.layout.root)], start_new_session=True)
        try:
            until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        finally:
            process.kill()
            process.wait()
        (tmp_path / f"hold-{attempt}").unlink()

    yield kill
    if (tmp_path / "pid").exists():
        try:
            os.killpg(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        except ProcessLookupError:
            return


@pytest.mark.parametrize("attempt", [0, 1, 2])
def test_a_kill_in_the_middle_of_an_attempt_repeats_no_finished_step(runner, killed_in, witness, attempt):
    killed_in(attempt)
    assert witness()[-1] == f"b{attempt}"
    runner.go()
    assert runner.status == "Succeeded"
    expected = [f"{who}{n}" for n in range(3) for who in "ab"]
    assert sorted(witness()) == sorted([*expected, f"b{attempt}"])
    assert (runner.layout.root / "a/outputs/parameters/x").read_text().strip() == "2"


def test_a_kill_between_two_attempts_begins_the_second(runner, steps, inner, witness, monkeypatch):
    """As after a kill when the second attempt was written down, and nothing of it had begun."""
    attempt = RetryGroup._attempt

    class Killed(BaseException):
        pass

    def die(self):
        if self._number == 1:
            raise Killed
        attempt(self)

    with monkeypatch.context() as patch:
        patch.setattr(RetryGroup, "_attempt", die)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - however the loop wraps it
            runner.go(steps(Call("s", "inner"), templates=inner()))
    assert witness() == ["a0", "b0"]
    runner.go()
    assert runner.status == "Succeeded"
    assert witness() == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert sorted(d.name for d in runner.layout.root.glob("a*")) == ["a", "a.bk1", "a.bk2"]


def test_a_damaged_record_of_attempts_is_said_and_they_are_counted_anew(runner, killed_in, caplog):
    killed_in(1)
    (record,) = runner.layout.attempts.iterdir()
    record.write_text("{")
    runner.go()
    assert runner.status == "Succeeded"
    assert "is damaged" in caplog.text


def test_a_run_that_is_done_runs_nothing_again(runner, steps, inner, witness):
    runner.go(steps(Call("s", "inner"), templates=inner()))
    before = witness()
    runner.go()
    assert runner.status == "Succeeded"
    assert witness() == before


def test_retry_goes_on_with_the_last_attempt(runner, steps, inner, witness, tmp_path):
    (tmp_path / "good").write_text("9")
    runner.go(steps(Call("s", "inner"), templates=inner(Retry(limit=1))))
    (tmp_path / "good").write_text("1")
    runner.go(again=lambda node: node.phase.is_failure)
    assert runner.status == "Succeeded"
    assert witness() == ["a0", "b0", "a1", "b1", "b1"]


def test_the_folder_of_attempts_is_made_only_when_it_is_needed(runner, steps, shell):
    runner.go(steps(Call("s", "leaf"), templates=[shell("leaf", "true")]))
    assert not Path(runner.layout.attempts).exists()
