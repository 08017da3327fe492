"""Names, keys and messages come from runs, and these may come from anybody: a terminal only shows them."""

# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow

BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
HOSTILE = "boom \x1b]52;c;aGk=\x07\x1b[2J\x1b[H\rhidden\x9b31m\u202e"


@pytest.fixture
def run() -> Workflow:
    """One with a failed step, into whose name, key and message control characters were put."""
    wf = Workflow("hostile", id="hostile-1")
    wf.add(Step("loop", ShellOPTemplate("loop", script="echo said; exit 1"), with_param=["i"], key="key-{{item}}"))
    wf.submit()
    changed = []
    for line in Path("hostile-1/.dflow/journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event.get("type") == "Pod":
            event.update(
                name=event["name"] + HOSTILE, displayName="loop" + HOSTILE, message=HOSTILE, key="key-i" + HOSTILE
            )
        changed.append(json.dumps(event) + "\n")
    assert any("2J" in line for line in changed)
    Path("hostile-1/.dflow/journal.jsonl").write_text("".join(changed))
    return wf


@pytest.mark.parametrize(
    "verb", ["list", "get", "get --resources", "getsteps", "getkeys", "logs", "logs -f", "getsteps --json"]
)
def test_tables_hold_no_control_characters(run, dflow, verb):
    name, *options = verb.split()
    words = [name, *([] if verb == "list" else [run.id]), *options]
    done = dflow(*words)
    assert BAD.search(done.stdout + done.stderr) is None, done.stdout + done.stderr
    if name in ("getsteps", "getkeys", "logs"):
        assert "hidden" in done.stdout


def test_json_keeps_what_is_there(run, dflow):
    assert HOSTILE in [step["message"] for step in dflow.json("getsteps", run.id)]


def test_one_step_and_errors_hold_no_control_characters(run, dflow):
    (key,) = dflow.json("getkeys", run.id)
    for words, status in ((["explain", run.id, key], 0), (["logs", run.id, key + "x"], 1), (["debug", run.id, key], 1)):
        done = dflow(*words, status=status)
        text = done.stdout + done.stderr
        assert BAD.search(text) is None, text
        assert "hidden" in text


def test_report_of_a_failure_holds_no_control_characters(capsys):
    from dflow.python import OP, PythonOPTemplate

    @OP.function
    def fails() -> {"n": int}:
        raise ValueError("boom \x1b]52;c;aGk=\x07\x1b[2J\x1b[Hafter")

    wf = Workflow("hostile", id="hostile-2")
    wf.add(Step("a", PythonOPTemplate(fails)))
    wf.submit()
    (sentence,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("step 'a' failed"))
    assert "boom after" in sentence
    assert BAD.search(sentence) is None
    with pytest.raises(Exception, match="boom after") as caught:
        wf.raise_for_status()
    assert BAD.search(str(caught.value)) is None
