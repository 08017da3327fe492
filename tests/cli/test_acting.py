"""Verbs that change something print one JSON document when asked, and do what they say."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow

SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("w", id="begun")
wf.add(Step("s", ShellOPTemplate("t", script="until test -e {go}; do sleep 0.05; done")))
wf.submit()
print("returned", wf.query_status(), flush=True)
"""


def running(name: str = "slow") -> Workflow:
    wf = Workflow("slow", id=name)
    wf.add(Step("s", ShellOPTemplate("t", script="exec sleep 60")))
    wf.submit(detach=True)
    return wf


@pytest.mark.parametrize(("verb", "status"), [("terminate", "Terminated"), ("stop", "Failed")])
def test_ends(dflow, verb, status):
    running()
    assert dflow.json(verb, "slow") == {"id": "slow", "verb": verb, "status": status, "changed": True}
    assert dflow.json(verb, "slow") == {"id": "slow", "verb": verb, "status": status, "changed": False}


def test_suspend_and_resume(dflow):
    running()
    assert dflow.json("suspend", "slow") == {"id": "slow", "verb": "suspend", "status": "Running"}
    assert dflow.json("resume", "slow") == {"id": "slow", "verb": "resume", "status": "Running"}
    dflow("terminate", "slow")


def test_retry_resume_and_wait(wf, dflow):
    for verb in ("retry", "resume", "wait"):
        assert dflow.json(verb, wf.id, status=1) == {"id": wf.id, "verb": verb, "status": "Failed"}
    assert dflow.json("resume", wf.id, "--detach")["verb"] == "resume"
    assert dflow.json("wait", wf.id, "-i", "0.05", status=1)["status"] == "Failed"


def test_retry_of_one_step_by_the_option_of_upstream(wf, dflow):
    before = Path(wf.id, "iter-0.good", "log.txt").stat().st_ino
    dflow("retry", wf.id, "-s", "good", status=1)
    assert Path(wf.id, "iter-0.good", "log.txt").stat().st_ino != before


def test_delete(wf, dflow, tmp_path):
    wanted = {"id": wf.id, "verb": "delete", "status": None, "directory": str(tmp_path / wf.id)}
    assert dflow.json("delete", wf.id) == wanted
    assert not (tmp_path / wf.id).exists()


MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: m-}
spec:
  entrypoint: main
  arguments: {parameters: [{name: code, value: "0"}]}
  templates:
  - name: main
    container: {image: busybox, command: [sh, -c], args: ["exit {{workflow.parameters.code}}"]}
"""


def test_submit_with_the_options_of_upstream(dflow, tmp_path):
    (tmp_path / "m.yaml").write_text(MANIFEST)
    assert dflow.json("submit", "m.yaml", "-n", "mine") == {"id": "mine", "verb": "submit", "status": "Succeeded"}
    answer = dflow.json("submit", "m.yaml", "-p", "code=3", "--name", "other", status=1)
    assert answer == {"id": "other", "verb": "submit", "status": "Failed"}
    assert dflow.json("submit", "-d", "m.yaml", "-n", "third")["id"] == "third"
    assert dflow.json("wait", "third")["status"] == "Succeeded"
    assert dflow.json("run", "m.yaml", "-n", "fourth")["verb"] == "run"


def test_json_documents_stand_alone_on_standard_output(wf, dflow):
    done = dflow("retry", wf.id, "--json", status=1)
    assert json.loads(done.stdout)
    assert "failed: exit code 3" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["list"], ["get"], ["getsteps"], ["getkeys"], ["logs"], ["explain", "good"], ["doctor"], ["get", "--resources"]],
)
def test_every_reading_verb_prints_one_document(wf, dflow, words):
    verb, *more = words
    run = [] if verb == "list" else [wf.id]
    assert dflow.json(verb, *run, *more)


# -- run --detach -----------------------------------------------------------------------------------------------------


def test_detached_script_returns_when_its_workflow_has_begun(dflow, tmp_path):
    (tmp_path / "s.py").write_text(SCRIPT.replace("{go}", str(tmp_path / "go")))
    done = dflow("run", "--detach", "s.py")
    assert done.stdout.endswith("returned Running\n")
    (tmp_path / "go").touch()
    assert dflow("wait", "begun").stdout == "begun ✔ Succeeded\n"


def test_options_behind_the_script_are_the_script_s(dflow, tmp_path):
    (tmp_path / "s.py").write_text("import os, sys; print(sys.argv[1:], os.environ.get('DFLOW_DETACH'))")
    assert dflow("run", "s.py", "--detach", "-x").stdout == "['--detach', '-x'] None\n"
    assert dflow("run", "--detach", "s.py", "-x").stdout == "['-x'] 1\n"


def test_detached_run_survives_the_end_of_its_terminal(dflow, tmp_path, until):
    (tmp_path / "s.py").write_text(SCRIPT.replace("{go}", str(tmp_path / "go")))
    pid, terminal = pty.fork()
    if pid == 0:
        script = f"{sys.executable} -m dflow.cli run --detach s.py; exec sleep 60"
        os.execv("/bin/sh", ["sh", "-c", script])  # noqa: S606 - a shell, on its terminal
    seen = b""
    while b"returned Running" not in seen:
        seen += os.read(terminal, 1000)
    runner = int((tmp_path / "begun" / "pid").read_text())
    assert os.getsid(runner) != pid
    os.close(terminal)  # the kernel hangs up
    os.kill(pid, signal.SIGHUP)
    os.waitpid(pid, 0)
    time.sleep(0.5)
    assert dflow.json("get", "begun")["status"] == "Running"
    (tmp_path / "go").touch()
    assert dflow.json("wait", "begun")["status"] == "Succeeded"
