"""The guides on retries and errors of OPs: 3.2.2 of both.

The section has no block but two phrases: the tests hold the phrases.
"""

from __future__ import annotations

import pytest

ON_TRANSIENT_ERROR = "PythonOPTemplate(..., retry_on_transient_error=n)"
TIMEOUT_IS_TRANSIENT = "PythonOPTemplate(..., timeout_as_transient_error=True)"

SCRIPT = """\
import time
from pathlib import Path

from dflow import Step, Workflow
from dflow.python import OP, FatalError, PythonOPTemplate, TransientError


@OP.function
def unsteady(marks: str, good_from: int) -> {"attempt": int}:
    attempt = len(Path(marks).read_text()) if Path(marks).exists() else 0
    with open(marks, "a") as file:
        file.write("x")
    if attempt < good_from:
        PROBLEM
    return {"attempt": attempt}


n = 2
template = TEMPLATE
wf = Workflow(name="retry")
marks = str(Path("marks").absolute())
wf.add(Step(name="unsteady", template=template, parameters={"marks": marks, "good_from": GOOD_FROM}))
wf.submit()
"""


@pytest.fixture
def attempts(run, tmp_path):
    """Run an OP that meets a problem so many times: the step, and how often it was tried."""

    def attempts(template: str, problem: str, times: int):
        assert template.count("...,") == 1
        template = template.replace("...,", "unsteady,")
        wf = run(SCRIPT.replace("TEMPLATE", template).replace("PROBLEM", problem).replace("GOOD_FROM", str(times)))
        return wf.query_step(name="unsteady"), len((tmp_path / "marks").read_text())

    return attempts


TRANSIENT = 'raise TransientError("not yet")'


@pytest.mark.parametrize(("times", "phase", "tried"), [(0, "Succeeded", 1), (2, "Succeeded", 3), (3, "Failed", 3)])
def test_3_2_2_a_transient_error_is_tried_again_up_to_n_times(attempts, times, phase, tried):
    step, count = attempts(ON_TRANSIENT_ERROR, TRANSIENT, times)

    assert step.phase == phase
    assert count == tried
    if phase == "Succeeded":
        assert step.outputs.parameters["attempt"].value == times
    else:
        assert "not yet" in step.message


@pytest.mark.parametrize(
    "problem", ['raise FatalError("never")', 'raise ValueError("never")'], ids=["FatalError", "another"]
)
def test_3_2_2_a_fatal_error_fails_the_step_at_once(attempts, problem):
    step, count = attempts(ON_TRANSIENT_ERROR, problem, 1)

    assert step.phase == "Failed"
    assert "never" in step.message
    assert count == 1


def test_3_2_2_without_the_argument_nothing_is_tried_again(attempts):
    step, count = attempts("PythonOPTemplate(...,)", TRANSIENT, 1)

    assert step.phase == "Failed"
    assert count == 1


SLOW = "time.sleep(30)"


def test_3_2_2_a_timeout_is_fatal(attempts):
    step, count = attempts(ON_TRANSIENT_ERROR.replace(")", ", timeout=1.5)"), SLOW, 1)

    assert step.phase == "Failed"
    assert count == 1


def test_3_2_2_a_timeout_can_be_a_transient_error(attempts):
    both = TIMEOUT_IS_TRANSIENT.replace(")", ", retry_on_transient_error=n, timeout=1.5)")
    step, count = attempts(both, SLOW, 1)

    assert step.phase == "Succeeded"
    assert count == 2
