"""Retries and failing fast of Steps and DAG: how a script asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import DAG, InputParameter, OutputParameter, ShellOPTemplate, Step, Steps, Task, Workflow, config
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import CompileError, StepFailed
from dflow.engine.model import Retry


def main_of(wf):
    graph = compile_workflow(wf)
    return next(t for t in graph.templates if t.name == graph.entrypoint)


def flow(kind=Steps, **attributes):
    made = Steps("main") if kind is Steps else DAG("main")
    made.add((Step if kind is Steps else Task)("s", ShellOPTemplate("leaf", script="true")))
    for name, value in attributes.items():
        setattr(made, name, value)
    return Workflow("w", steps=made)


@pytest.mark.parametrize("kind", [Steps, DAG])
@pytest.mark.parametrize(
    ("attributes", "retry"),
    [
        ({}, None),
        ({"retry_strategy": {"limit": 2}}, Retry(limit=2)),
        ({"retry_on_failure": 1}, Retry(limit=1)),
        ({"retry_on_error": 1}, Retry(limit=1, on=("error",))),
        ({"retry_on_failure_and_error": 3}, Retry(limit=3, on=("failure", "error"))),
        (
            {"retry_strategy": {"backoff": {"duration": "1m", "factor": 2, "cap": "1h", "maxDuration": "2h"}}},
            Retry(wait=60.0, factor=2.0, wait_at_most=3600.0, max_duration=7200.0),
        ),
    ],
)
def test_a_retry_strategy_of_a_whole_template(kind, attributes, retry):
    wf = flow(kind, **attributes)
    assert main_of(wf).retry == retry
    graph = compile_workflow(wf)
    assert compile_workflow(decompile(graph)) == graph


def test_a_wrong_strategy_is_refused_with_its_place():
    with pytest.raises(CompileError, match=r"steps 'main': retry_strategy: retryPolicy is 'Sometimes'"):
        compile_workflow(flow(retry_strategy={"retryPolicy": "Sometimes"}))


@pytest.mark.parametrize(
    ("setting", "own", "expected"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_failing_fast_is_a_setting_that_a_template_can_overrule(monkeypatch, setting, own, expected):
    monkeypatch.setitem(config, "debug_failfast", setting)
    wf = flow(fail_fast=own)
    assert main_of(wf).fail_fast is expected
    graph = compile_workflow(wf)
    monkeypatch.setitem(config, "debug_failfast", not setting)
    assert compile_workflow(decompile(graph)) == graph


def test_the_setting_keeps_what_waits_from_running(monkeypatch):
    monkeypatch.setitem(config, "debug_failfast", True)
    inner = Steps("inner", parallelism=1)
    ran = Path("ran").absolute()
    inner.add(
        [Step("bad", ShellOPTemplate("bad", script="exit 1")), Step("s", ShellOPTemplate("s", script=f"touch {ran}"))]
    )
    wf = Workflow("w")
    wf.add(Step("inner", inner))
    wf.submit()
    assert wf.query_status() == "Failed"
    assert not ran.exists()


def test_a_query_finds_each_attempt_and_its_steps():
    inner = Steps("inner")
    inner.add(
        Step(
            "s",
            ShellOPTemplate(
                "leaf", script=f"echo x >> {Path('ran').absolute()}; test $(wc -l < {Path('ran').absolute()}) -ge 2"
            ),
            key="k",
        )
    )
    inner.retry_on_failure = 2
    wf = Workflow("w")
    wf.add(Step("inner", inner, key="whole"))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert [(s.displayName, s.type, s.phase) for s in wf.query_step(name="inner")] == [
        ("inner", "Retry", "Succeeded"),
        ("inner(0)", "Steps", "Failed"),
        ("inner(1)", "Steps", "Succeeded"),
    ]
    assert [s.phase for s in wf.query_step(key="k")] == ["Failed", "Succeeded"]
    assert wf.query_step(key="whole").type == "Retry"


def test_each_attempt_keeps_what_its_steps_gave():
    inner = Steps("inner")
    leaf = ShellOPTemplate("leaf", script="echo {{inputs.parameters.n}} > /tmp/x; test {{inputs.parameters.n}} = 1")
    leaf.inputs.parameters["n"] = InputParameter()
    leaf.outputs.parameters["x"] = OutputParameter(value_from_path="/tmp/x")
    inner.add(Step("s", leaf, parameters={"n": "{{retries}}"}, key="k"))
    inner.retry_on_failure = 1
    wf = Workflow("w")
    wf.add(Step("inner", inner))
    wf.submit()
    found = wf.query_step(key="k")
    assert [step.outputs.parameters["x"].value for step in found] == ["0", "1"]
    assert [Path(step.path).name for step in found] == ["k.bk1", "k"]


def test_a_failure_that_another_attempt_made_good_is_not_blamed():
    inner = Steps("inner")
    ran = Path("ran").absolute()
    inner.add(Step("first", ShellOPTemplate("leaf", script=f"test -e {ran} || {{ touch {ran}; exit 1; }}")))
    inner.retry_on_failure = 1
    wf = Workflow("w")
    wf.add(Step("inner", inner))
    wf.add(Step("guilty", ShellOPTemplate("guilty", script="exit 7")))
    wf.submit()
    with pytest.raises(StepFailed, match="step 'guilty' failed: exit code 7"):
        wf.raise_for_status()
