"""Outputs of scripts: their declared types, and the progress that is shown."""

from __future__ import annotations

from typing import Any

import pytest
from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.engine.errors import CompileError, StepFailed


def run(text: str, kind: Any, **arguments: Any) -> Workflow:
    template = ShellOPTemplate("say", script=f"printf %s '{text}' > /tmp/n; {arguments.pop('after', '')}", **arguments)
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=kind)
    wf = Workflow("outputs")
    wf.add(Step("s", template))
    wf.submit()
    return wf


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("5", int, 5), ("0.5", float, 0.5), ("true", bool, True), ("[1]", list, [1]), ('{"a": 1}', dict, {"a": 1})],
)
def test_what_a_script_writes_has_the_declared_type(text, kind, value):
    wf = run(text, kind)
    wf.raise_for_status()
    assert wf.query_step("s").outputs.parameters["n"].value == value


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("five", int, "is declared int, so /tmp/n must hold an integer; the program wrote 'five'"),
        ("x", float, "is declared float, so /tmp/n must hold a number; the program wrote 'x'"),
        ("yes", bool, "is declared bool, so /tmp/n must hold true or false; the program wrote 'yes'"),
        ("a b", list[str], "must hold a list as JSON; the program wrote 'a b'"),
        ("[]", dict, r"must hold a dict as JSON; the program wrote '\[\]'"),
    ],
)
def test_what_is_of_another_type_is_an_error_of_the_step_that_wrote_it(text, kind, message):
    wf = run(text, kind)
    with pytest.raises(StepFailed, match=f"step 's'.*output parameter 'n' .*{message}"):
        wf.raise_for_status()
    assert wf.query_step("s").phase == "Error"


def test_a_script_that_failed_is_told_by_its_exit_code():
    with pytest.raises(StepFailed, match="exit code 3"):
        run("five", int, after="exit 3").raise_for_status()


@pytest.mark.parametrize(("after", "progress"), [("exit 3", "0/100"), ("", "100/100")])
def test_a_script_has_the_progress_that_it_begins_with_until_it_succeeds(after, progress):
    assert run("5", int, after=after, init_progress="0/100").query_step("s").progress == progress


@pytest.mark.parametrize("wrong", ["half", "1", "0/0", "-1/2"])
def test_a_progress_that_is_none_is_refused(wrong):
    with pytest.raises(CompileError, match=f"init_progress is '{wrong}'; it must be like '0/100'"):
        run("5", int, init_progress=wrong)
