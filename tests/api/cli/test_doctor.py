"""The verb `doctor`: what a person and a program read of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow, config


def doctor(*words: str, status: int, path: str = str(Path(sys.executable).parent)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "doctor", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def run(tmp_path):
    wf = Workflow("doc", id="doc-abc12")
    wf.add(Step("good", ShellOPTemplate("good", script="true"), key="good"))
    wf.add(Step("bad", ShellOPTemplate("bad", script="false")))
    wf.submit()
    return tmp_path / wf.id


@pytest.mark.parametrize("word", ["doc-abc12", "doc", "@latest"])
def test_a_run_that_is_well(run, word):
    assert doctor(word, status=0).splitlines() == [
        f"doc-abc12: nothing is wrong; {sum(1 for _ in run.rglob('*'))} files and directories",
        (
            "a resume keeps 2 finished steps, 1 of them failed (dflow retry doc-abc12 runs those again), "
            "and runs 0 again that were begun"
        ),
    ]


def test_a_run_that_is_not(run):
    (run / "good/phase").write_text("Running")
    lines = doctor(str(run), status=1).splitlines()
    assert lines[:2] == [
        "✖ good: its step was interrupted (Running)",
        "    a resume sets it aside as .bk and runs the step again",
    ]
    assert lines[2].startswith("doc-abc12: 1 thing is wrong; ")


def test_json(run):
    (run / "good/.step").unlink()
    data = json.loads(doctor("doc", "--json", status=1))
    assert (data["id"], data["directory"], data["well"]) == ("doc-abc12", str(run), False)
    assert data["resume"] == {"keeps": 1, "keepsFailed": 1, "runsAgain": 1}
    assert data["findings"] == [
        {
            "place": "good",
            "problem": "its .step is missing or damaged",
            "remedy": "a resume sets it aside as .bk and runs the step again",
            "wrong": True,
        }
    ]


def test_a_run_that_has_lost_its_graph_is_still_looked_at(run):
    (run / ".dflow/graph.json").unlink()
    assert "✖ .dflow/graph.json: the workflow cannot be read" in doctor("doc-abc12", status=1)


@pytest.fixture
def scheduler(tmp_path_factory, monkeypatch):
    """A directory with a command that submits jobs; this process is no job."""
    for variable in ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"):
        monkeypatch.delenv(variable, raising=False)
    command = tmp_path_factory.mktemp("bin") / "qsub"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    return str(command.parent)


def test_it_says_what_it_sees_of_the_machine(run, scheduler):
    line = doctor("doc", status=0, path=scheduler).splitlines()[-1]
    assert re.fullmatch(
        r"this machine: qsub is here, \d+ users? (is|are) active: it (looks|does not look) like .*", line
    )
    machine = json.loads(doctor("doc", "--json", status=0, path=scheduler))["machine"]
    assert machine["command"] == "qsub"
    assert machine["loginNode"] == (machine["users"] >= 3)


def test_it_says_that_a_job_is_no_login_node(run, scheduler, monkeypatch):
    monkeypatch.setenv("PBS_JOBID", "7")
    line = doctor("doc", status=0, path=scheduler).splitlines()[-1]
    assert line == "this machine: qsub is here, this is a job (PBS_JOBID): it does not look like a login node"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"login_node": True, "nice": None}, "on a login node, steps at once here: {few}, niceness: 10"),
        (
            {"login_node": True, "nice": 0, "debug_pool_workers": -1},
            "on a login node, steps at once here: no limit, niceness: 0",
        ),
        ({"nice": 3, "debug_pool_workers": 4}, "steps at once here: 4, niceness: 3"),
    ],
)
def test_it_says_what_a_run_has_taken_the_machine_for(settings, said):
    config.update(settings)
    wf = Workflow("doc", id="doc-gentle")
    wf.add(Step("good", ShellOPTemplate("good", script="true"), key="good"))
    wf.submit()
    few = min(2, len(os.sched_getaffinity(0)))
    assert doctor("doc", status=0).splitlines()[2:] == [f"the run, as it was submitted: {said.format(few=few)}"]
    found = json.loads(doctor("doc", "--json", status=0))
    assert found["loginNode"] is settings.get("login_node", False)
    assert f"niceness: {found['nice']}" in said
    assert found["machine"] == {"command": "", "job": "", "users": 0, "loginNode": False}
