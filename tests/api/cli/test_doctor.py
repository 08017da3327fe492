"""The verb `doctor`: what a person and a program read of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from dflow import ShellOPTemplate, Step, Workflow


def doctor(*words: str, status: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "doctor", *words], capture_output=True, text=True, check=False, timeout=60
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
