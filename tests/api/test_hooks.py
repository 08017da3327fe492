"""Hooks of steps, and the template that runs when a workflow has ended."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import DAG, HookStep, InputParameter, Inputs, ShellOPTemplate, Step, Task, Workflow
from dflow.engine.errors import CompileError


def say(word: str | None = None) -> ShellOPTemplate:
    """Appends its word to the file ``said``; the word ``bad`` makes it fail."""
    given = InputParameter() if word is None else InputParameter(value=word)
    own = "{{inputs.parameters.word}}"
    script = f"echo '{own}' >> {Path('said').absolute()}; test '{own}' != bad"
    return ShellOPTemplate("say", script=script, inputs=Inputs(parameters={"word": given}))


def said() -> list[str]:
    return Path("said").read_text().split("\n")[:-1] if Path("said").exists() else []


def hook(word: str, expression: object = None) -> HookStep:
    return HookStep(say(), expression, parameters={"word": word})


def run(*steps: Step, **arguments: object) -> Workflow:
    wf = Workflow("hooks", **arguments)
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def test_a_step_that_succeeds_runs_its_success_hook_before_the_next_step():
    first = Step("first", say("first"), success_hook=hook("good"), failure_hook=hook("bad-luck"))
    wf = run(first, Step("second", say("second")))
    assert wf.query_status() == "Succeeded"
    assert said() == ["first", "good", "second"]


def test_a_step_that_fails_runs_its_failure_hook_which_sees_its_status():
    step = Step("first", say("bad"), success_hook=hook("good"), failure_hook=hook("it {{steps.first.status}}"))
    assert run(step).query_status() == "Failed"
    assert said() == ["bad", "it Failed"]


def test_a_running_hook_starts_with_the_step():
    assert run(Step("first", say("first"), running_hook=hook("running"))).query_status() == "Succeeded"
    assert sorted(said()) == ["first", "running"]


def test_a_hook_that_fails_changes_nothing_else():
    wf = run(Step("first", say("first"), success_hook=hook("bad")), Step("second", say("second")))
    assert wf.query_status() == "Succeeded"
    assert wf.query_step("hook").phase == "Failed"


@pytest.mark.parametrize(("status", "words"), [("Succeeded", ["first", "asked"]), ("Failed", ["first"])])
def test_an_expression_decides_instead_of_the_phase(status, words):
    expression = f"{{{{=steps['first'].status == '{status}'}}}}"
    run(Step("first", say("first"), failure_hook=hook("asked", expression)))
    assert said() == words


def test_tasks_have_hooks_too_and_what_depends_on_them_waits():
    first = Task("first", say("first"), success_hook=hook("good {{tasks.first.status}}"))
    wf = Workflow("hooks", dag=DAG(tasks=[first, Task("second", say("second"), dependencies=[first])]))
    wf.submit()
    assert said() == ["first", "good Succeeded", "second"]


def test_a_skipped_step_has_no_hooks():
    run(Step("first", say("first"), when="1 == 2", success_hook=hook("good"), failure_hook=hook("no")))
    assert said() == []


def test_what_is_no_hook_is_refused():
    with pytest.raises(CompileError, match="success_hook must be a HookStep"):
        run(Step("first", say("first"), success_hook=Step("x", say("x"))))


@pytest.mark.parametrize(("word", "status"), [("fine", "Succeeded"), ("bad", "Failed")])
def test_the_exit_template_runs_at_the_end_and_sees_how_it_ended(word, status):
    path = Path("said").absolute()
    leave = ShellOPTemplate("leave", script=f"echo 'exit {{{{workflow.status}}}} {{{{workflow.failures}}}}' >> {path}")
    wf = run(Step("first", say(word)), on_exit=leave)
    assert wf.query_status() == status
    assert said()[0] == word
    assert said()[-1].startswith(f"exit {status} [")
    assert ('"displayName": "first"' in said()[-1]) == (status == "Failed")


def test_a_succeeded_workflow_whose_exit_template_fails_is_failed():
    wf = run(Step("first", say("first")), on_exit=say("bad"))
    assert wf.query_status() == "Failed"
    assert wf.query_step("onExit").phase == "Failed"
