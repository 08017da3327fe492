"""Secrets whose values a script gives: programs get them, and nothing that is kept holds them."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from dflow import Secret, ShellOPTemplate, Step, Workflow
from dflow.engine.errors import CompileError
from dflow.executor import DirectExecutor
from dflow.executors import secrets
from dflow.manifests import export_workflow
from dflow.python import OP, PythonOPTemplate

VALUE = f"seen-never-{uuid.uuid4().hex}"  # a run keeps the text of its OPs' modules


@pytest.fixture(autouse=True)
def _own_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(secrets, "_kept", {})


def shell(script="echo ${#TOKEN} > n", value=VALUE, **more):
    return ShellOPTemplate("sh", script=script, envs={"TOKEN": Secret(value, **more)})


def submitted(*steps, **more):
    workflow = Workflow("w", **more)
    workflow.add(list(steps))
    workflow.submit()
    return workflow


def files_with(text: str) -> list[str]:
    return [str(file) for file in Path().rglob("*") if file.is_file() and text.encode() in file.read_bytes()]


@OP.function
def length() -> {"n": int}:  # noqa: F821, UP037 - the name of an output
    import os

    return {"n": len(os.environ["TOKEN"])}


def test_programs_get_the_value_and_no_file_holds_it():
    python = PythonOPTemplate(length, envs={"TOKEN": Secret(VALUE + "-too")})
    workflow = submitted(Step("a", shell("echo ${#TOKEN}")), Step("b", python))
    assert workflow.query_status() == "Succeeded"
    assert workflow.logs("a").strip() == str(len(VALUE))
    assert workflow.query_step(name="b")[0].outputs.parameters["n"].value == len(VALUE) + 4
    assert files_with(VALUE) == []


@pytest.mark.parametrize("isolation", ["spawn", "warm"])
def test_so_it_is_however_an_op_is_run(isolation):
    workflow = submitted(Step("b", PythonOPTemplate(length, envs={"TOKEN": Secret(VALUE)}), isolation=isolation))
    assert workflow.query_step(name="b")[0].outputs.parameters["n"].value == len(VALUE)
    assert files_with(VALUE) == []


def test_a_value_goes_before_what_the_environment_has(monkeypatch):
    monkeypatch.setenv("TOKEN", "x")
    workflow = submitted(Step("a", shell("echo ${#TOKEN}")), Step("b", shell("echo ${#TOKEN}", "four", name="n")))
    assert (workflow.logs("a").strip(), workflow.logs("b").strip()) == (str(len(VALUE)), "4")


def test_a_run_in_the_background_gets_it_too():
    workflow = Workflow("w", id="w-1")
    workflow.add(Step("a", shell("echo ${#TOKEN}; env | grep -c seen-never")))
    workflow.submit(detach=True)
    workflow.wait()
    assert workflow.logs("a").split() == [str(len(VALUE)), "1"]
    assert files_with(VALUE) == []


def test_a_resumed_run_says_that_it_does_not_know_the_value_and_takes_it_from_the_environment(monkeypatch):
    wanted = Path("go").absolute()
    submitted(Step("a", shell(f"test -e {wanted} && echo ${{#TOKEN}}")), id="w-1")
    wanted.touch()
    retry = [sys.executable, "-m", "dflow.cli", "retry", "w-1"]
    subprocess.run(retry, capture_output=True, check=False)
    workflow = Workflow(id="w-1")
    message = workflow.query_step(name="a")[0].message
    assert message.startswith(
        "the value of the Secret for the variable 'TOKEN' was given by the script and is kept now"
    )
    assert "set TOKEN in the environment and resume the run" in message
    monkeypatch.setenv("TOKEN", "abc")
    subprocess.run(retry, capture_output=True, check=False)
    assert (workflow.query_status(), workflow.logs("a").strip()) == ("Succeeded", "3")


def test_the_script_that_is_run_again_gives_it_again():
    first = submitted(Step("a", shell("exit 3")), id="w-1")
    assert first.query_status() == "Failed"
    again = submitted(Step("a", shell("exit 0")), id="w-1")
    assert again.query_status() == "Succeeded"


def test_a_workflow_that_is_submitted_anew_has_it():
    workflow = submitted(Step("a", shell("echo ${#TOKEN}")))
    anew = workflow.resubmit()
    assert anew.logs("a").strip() == str(len(VALUE))


def test_a_job_of_a_scheduler_does_not_get_it():
    workflow = submitted(Step("a", shell(), executor=DirectExecutor("shell")))
    message = workflow.query_step(name="a")[0].message
    assert "a job that runs elsewhere gets its variables from a file: set TOKEN where the job runs" in message
    assert files_with(VALUE) == []


def test_an_export_refuses_it():
    workflow = Workflow("w")
    workflow.add(Step("a", shell()))
    with pytest.raises(CompileError, match="give the Secret a name=") as found:
        export_workflow(workflow)
    assert VALUE not in str(found.value)


def test_an_export_names_the_secret_that_has_a_name():
    workflow = Workflow("w")
    workflow.add(Step("a", shell(name="tokens", key="mine")))
    made = export_workflow(workflow).manifest
    env = made["spec"]["templates"][0]["script"]["env"]
    assert env == [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "mine"}}}]
    assert VALUE not in str(made)
