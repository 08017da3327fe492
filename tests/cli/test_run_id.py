"""``dflow run --id``: the workflow of a script takes an id, and with that of a run goes on with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow.run_ids import checked_id, offer_id, offered_id, take_id

pytestmark = pytest.mark.waiting
WORKFLOW = """
import sys
from dflow import ShellOPTemplate, Step, Workflow

def submit(name, id=None):
    wf = Workflow(name, id=id)
    wf.add(Step("one", ShellOPTemplate("one", script="echo x >> HERE/witness"), key="one"))
    wf.add(Step("two", ShellOPTemplate("two", script="test -e HERE/ready"), key="two"))
    wf.submit()
"""
YAML = """
name: train
steps:
- {name: one, script: echo x >> HERE/witness}
- {name: two, script: test -e HERE/ready}
"""
INNER = """
from dflow import ShellOPTemplate, Step, Workflow
from dflow.python import OP, PythonOPTemplate

@OP.function
def inner() -> {"id": str}:
    from dflow import ShellOPTemplate, Step, Workflow
    wf = Workflow("inner")
    wf.add(Step("leaf", ShellOPTemplate("leaf", script="true")))
    wf.submit()
    return {"id": wf.id}

wf = Workflow("outer", id="outer-1")
wf.add(Step("inner", PythonOPTemplate(inner), key="inner"))
wf.submit()
"""


def write(name: str, *lines: str) -> None:
    Path(name).write_text("\n".join([WORKFLOW.replace("HERE", str(Path.cwd())), *lines, ""]))


def runs() -> list[str]:
    return sorted(path.parent.name for path in Path.cwd().glob("*/.dflow"))


@pytest.mark.parametrize("name", ["train.py", "train.yaml"])
def test_the_first_run_has_the_id_and_the_next_goes_on_with_it(dflow, name):
    write("train.py", "submit('train')")
    Path("train.yaml").write_text(YAML.replace("HERE", str(Path.cwd())))
    assert "Workflow train-1 Failed" in dflow("run", "--id", "train-1", name, status=1).stderr
    Path("ready").touch()
    assert "Workflow train-1 Succeeded" in dflow("run", "--id", "@latest", name).stdout
    assert Path("witness").read_text() == "x\n"
    assert "train-1 is there already, and has succeeded" in dflow("run", "--id", "train-1", name, status=1).stderr
    assert runs() == ["train-1"]


def test_in_the_background_it_goes_on_with_what_failed_too(dflow):
    write("train.py", "submit('train')")
    dflow("run", "--id", "train-1", "train.py", status=1)
    Path("ready").touch()
    dflow("run", "--detach", "--id", "train-1", "train.py")
    assert "Succeeded" in dflow("wait", "train-1").stdout
    assert Path("witness").read_text() == "x\n"


def test_run_of_another_workflow_stays_as_it_is(dflow):
    write("train.py", "submit('train')")
    write("other.py", "submit('other')")
    dflow("run", "--id", "train-1", "train.py", status=1)
    graph = Path("train-1/.dflow/graph.json").read_bytes()
    said = dflow("run", "--id", "train-1", "other.py", status=1).stderr
    assert "train-1 is a run of the workflow 'train', not of 'other': choose another id" in said
    assert Path("train-1/.dflow/graph.json").read_bytes() == graph
    assert runs() == ["train-1"]


def test_only_the_first_workflow_without_an_id_takes_it(dflow):
    Path("ready").touch()
    write("many.py", "submit('a', 'own-1')", "submit('b')", "submit('c')")
    assert "no run has got" not in dflow("run", "--id", "new-1", "many.py").stderr
    found = runs()
    assert [name for name in found if not name.startswith("c-")] == ["new-1", "own-1"]
    assert len(found) == 3


@pytest.mark.parametrize("end", ["", "sys.exit(0)"])
def test_it_is_said_when_nobody_takes_it(dflow, end):
    Path("ready").touch()
    write("own.py", "submit('a', 'own-1')", end)
    said = "no run has got the id new-1: own.py has submitted no workflow without an id of its own\n"
    assert dflow("run", "--id", "new-1", "own.py").stderr.endswith(said)
    assert runs() == ["own-1"]


def test_script_that_gives_this_very_id_has_it(dflow):
    Path("ready").touch()
    write("own.py", "submit('a', 'own-1')", "submit('b')")
    assert "no run has got" not in dflow("run", "--id", "own-1", "own.py").stderr
    assert [name.partition("-")[0] for name in runs()] == ["b", "own"]


def test_workflow_that_a_step_submits_does_not_take_it(dflow):
    Path("outer.py").write_text(INNER)
    assert "no run has got the id new-1" in dflow("run", "--id", "new-1", "outer.py").stderr
    assert Path("outer-1/inner/outputs/parameters/id").read_text().startswith("inner-")


def test_what_cannot_be_is_refused_before_anything_runs(dflow, monkeypatch):
    write("train.py", "submit('train')")
    Path("train.yaml").write_text(YAML)
    assert "the id '../x' must consist of" in dflow("run", "--id", "../x", "train.py", status=1).stderr
    both = dflow("run", "--id", "a", "train.yaml", "--name", "b", status=2).stderr
    assert "--id and --name both say the id of the run" in both
    for name in ("train.py", "train.yaml"):
        monkeypatch.setenv("DFLOW_MODE", "argo")
        assert "--id is for runs of this machine" in dflow("run", "--id", "a", name, status=1).stderr
    monkeypatch.delenv("DFLOW_MODE")
    write("remote.py", "wf = Workflow('far')", "wf.submit(mode='argo')")
    assert "--id is for runs of this machine" in dflow("run", "--id", "a", "remote.py", status=1).stderr
    assert runs() == []


def test_option_behind_the_script_is_the_scripts_and_that_is_said(dflow):
    Path("plain.py").write_text("import sys\nprint(sys.argv[1:])\n")
    for words in (["--id", "a"], ["--id=a"]):
        done = dflow("run", "plain.py", *words)
        assert done.stdout == f"{words}\n"
        assert done.stderr.endswith("so it is the script's; else: dflow run --id ID plain.py\n")


def test_children_of_the_process_do_not_take_it(tmp_path):
    offer_id(checked_id("mine-1"))
    child = os.fork()
    if child == 0:
        os._exit(0 if take_id(None, "a", tmp_path) is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert take_id("other", "a", tmp_path) is None
    assert take_id(None, "a", tmp_path) == "mine-1"
    assert (take_id(None, "a", tmp_path), offered_id()) == (None, None)
