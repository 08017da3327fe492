"""Templates that start nothing more after a failure (ST-04, DG-06)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from dflow.engine.model import (
    Call,
    ContinueOn,
    DagTemplate,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    Ref,
    StepsTemplate,
    Text,
)

ONE = (("n", Ref("item")),)


@pytest.fixture
def templates(shell):
    """``ok``; ``bad``, which fails at once; ``slow``; ``odd``, which fails for odd numbers."""
    odd = shell("odd", "exit $(( {{inputs.parameters.n}} % 2 ))", inputs=Inputs((InputParameter("n"),)))
    return [shell("ok", "true"), shell("bad", "exit 1"), shell("slow", "sleep 1"), odd]


@pytest.fixture
def go(runner, steps, templates):
    """Run a template as the step ``s``; the phases of what is in it."""

    def run(template):
        runner.go(steps(Call("s", template.name), templates=[template, *templates]))
        return {name.removeprefix("[0].s"): phase for name, phase in runner.phases.items() if name.startswith("[0].s")}

    return run


CALLS = (Call("a", "bad"), Call("b", "ok"), Call("c", "ok"))


@pytest.mark.parametrize("kind", ["steps", "dag"])
@pytest.mark.parametrize("fail_fast", [False, True])
def test_calls_that_wait_for_a_place_are_not_started(go, kind, fail_fast):
    template = (
        StepsTemplate("t", (CALLS,), parallelism=1) if kind == "steps" else DagTemplate("t", CALLS, parallelism=1)
    )
    phases = go(replace(template, fail_fast=fail_fast))
    mark = "[0]." if kind == "steps" else "."
    ran = {f"{mark}{name}": "Failed" if name == "a" else "Succeeded" for name in ("a" if fail_fast else "abc")}
    assert phases == {"": "Failed", **ran}


def test_what_runs_already_ends_as_it_would(go):
    calls = (Call("a", "bad"), Call("slow", "slow"), Call("c", "ok"))
    phases = go(StepsTemplate("t", (calls,), fail_fast=True, parallelism=2))
    assert phases == {"": "Failed", "[0].a": "Failed", "[0].slow": "Succeeded"}


def test_independent_branches_of_a_dag_are_not_begun(go):
    tasks = (Call("a", "bad"), Call("slow", "ok", dependencies=()), Call("after", "ok", dependencies=("slow",)))
    phases = go(DagTemplate("t", tasks, fail_fast=True, parallelism=1))
    assert phases == {"": "Failed", ".a": "Failed"}


def test_a_failure_that_the_call_goes_on_after_is_none(go):
    calls = (replace(CALLS[0], continue_on=ContinueOn(failed=True)), *CALLS[1:])
    phases = go(StepsTemplate("t", (calls,), parallelism=1, fail_fast=True))
    assert phases == {"": "Succeeded", "[0].a": "Failed", "[0].b": "Succeeded", "[0].c": "Succeeded"}


@pytest.mark.parametrize(("rule", "copies"), [(ContinueOn(), 2), (ContinueOn(failed=True), 4)])
def test_a_loop_makes_no_more_copies(go, rule, copies):
    call = Call("l", "odd", ONE, loop=Loop(Literal('["0", "1", "2", "4"]'), parallelism=1), continue_on=rule)
    phases = go(StepsTemplate("t", ((call,),), fail_fast=True))
    assert len([name for name in phases if name.startswith("[0].l(")]) == copies
    assert phases["[0].l(1:1)"] == "Failed"
    assert phases[""] == ("Succeeded" if rule.failed else "Failed")


def test_an_error_in_the_arguments_ends_it_as_an_error(go):
    calls = (Call("a", "odd", (("n", Text("{{=asInt('word')}} ")),)), *CALLS[1:])
    phases = go(StepsTemplate("t", (calls,), parallelism=1, fail_fast=True))
    assert phases == {"": "Error", "[0].a": "Error"}
