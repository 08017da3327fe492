"""``dflow download``, ``upload``, ``codegen`` and ``create``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    Outputs,
    ShellOPTemplate,
    Step,
    Workflow,
    upload_artifact,
)


@pytest.fixture
def run() -> Workflow:
    """A step with two artifacts, a loop with one in each copy, and one artifact of the workflow."""
    outputs = Outputs(artifacts={"a": OutputArtifact(path="/tmp/a.txt"), "b": OutputArtifact(path="/tmp/b")})
    outputs.artifacts["a"].global_name = "whole"
    script = "cat /tmp/in.txt > /tmp/a.txt; mkdir /tmp/b; echo inside > /tmp/b/c.txt"
    inputs = Inputs(artifacts={"text": InputArtifact(path="/tmp/in.txt")})
    two = ShellOPTemplate("two", script=script, inputs=inputs, outputs=outputs)
    Path("given.txt").write_text("given\n")
    loop = ShellOPTemplate(
        "loop",
        script="echo {{inputs.parameters.n}} > /tmp/n.txt",
        inputs=Inputs(parameters={"n": InputParameter()}),
        outputs=Outputs(artifacts={"n": OutputArtifact(path="/tmp/n.txt")}),
    )
    wf = Workflow("made", id="made-1")
    wf.add(Step("two", two, artifacts={"text": upload_artifact("given.txt")}, key="two"))
    wf.add(Step("loop", loop, parameters={"n": "{{item}}"}, with_param=["x", "y"], key="loop-{{item}}"))
    wf.add(Step("none", ShellOPTemplate("none", script="true")))
    wf.submit()
    return wf


def files(folder: str) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_all_artifacts_of_a_step(run, dflow, tmp_path):
    printed = dflow("download", run.id, "two", "-p", "out").stdout.splitlines()
    assert {Path(name).parts[0]: text for name, text in files("out").items()} == {"a": "given\n", "b": "inside\n"}
    assert all(Path(line).exists() and line.startswith(str(tmp_path / "out")) for line in printed)


def test_one_artifact_goes_straight_into_the_directory(run, dflow, tmp_path):
    (entry,) = dflow.json("download", run.id, "two", "--name", "a", "--path", "out")
    assert (entry["artifact"], entry["path"]) == ("a", "out")
    assert list(files("out").values()) == ["given\n"]
    assert len(Path("out").resolve().relative_to(tmp_path).parts) == 1
    assert all(len(Path(name).parts) == 1 for name in files("out"))


def test_steps_of_one_name_have_directories_of_their_own(run, dflow):
    dflow("download", run.id, "loop", "--name", "n", "-p", "out")
    assert {Path(name).parts[0]: text for name, text in files("out").items()} == {"loop-x": "x\n", "loop-y": "y\n"}


def test_inputs_and_outputs_of_the_workflow(run, dflow):
    dflow("download", run.id, "two", "--inputs", "-p", "in")
    assert files("in") == {"text/given.txt": "given\n"}
    dflow("download", run.id, "-p", "out")
    assert [text for name, text in files("out").items() if name.startswith("whole/")] == ["given\n"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "say what to download"),
        (["made-1", "--key", "k"], "say what to download"),
        (["made-1", "two", "--name", "aa"], "has no output artifact 'aa' (did you mean 'a'?); it has: a, b"),
        (["made-1", "none"], "step 'none' has no output artifacts"),
        (["made-1", "--inputs"], "--inputs are those of a step"),
        (["--urn", "urn:x"], "--urn is of a catalogue, and none is set"),
    ],
)
def test_wrong_downloads(run, dflow, words, error):
    done = dflow("download", *words, status=2 if "say what" in error or words[-1] == "--inputs" else 1)
    assert error in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("key", ["../../../pwned", "/{there}/pwned", "link/pwned"])
def test_keys_of_a_foreign_run_do_not_lead_out_of_the_directory(run, dflow, tmp_path, key):
    there = tmp_path / "elsewhere"
    there.mkdir()
    Path("out/q").mkdir(parents=True)
    Path("out/q/link").symlink_to(there)
    journal = Path("made-1/.dflow/journal.jsonl")
    key = key.format(there=str(there).strip("/"))
    text = journal.read_text()
    assert '"key":"loop-x"' in text
    journal.write_text(text.replace('"key":"loop-x"', f'"key":"{key}"'))
    done = dflow("download", run.id, "loop", "-p", "out/q", status=1)
    assert "it would be outside of out/q" in done.stderr
    assert list(there.iterdir()) == []
    assert not [*tmp_path.rglob("pwned")]


def test_artifact_that_is_gone(run, dflow):
    import shutil

    shutil.rmtree("made-1/two/workdir")
    done = dflow("download", run.id, "two", "--name", "a", "-p", "out", status=1)
    assert done.stderr.startswith("dflow: cannot download: ")


def test_object_of_the_store(dflow, tmp_path, monkeypatch):
    store = tmp_path / "store"
    (store / "up").mkdir(parents=True)
    (store / "up" / "x.txt").write_text("stored")
    (tmp_path / "stores.py").write_text(
        "import os\nfrom dflow.storage.folder import FolderClient\n"
        f"class Store(FolderClient):\n    def __init__(self, **kwargs):\n        super().__init__({str(store)!r})\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("DFLOW_S3_STORAGE_CLIENT", "stores.Store")
    dflow("download", "--key", "up/x.txt", "-p", "out")
    assert files("out") == {"x.txt": "stored"}
    assert "nothing under the key" in dflow("download", "--key", "up/y.txt", status=1).stderr
    monkeypatch.setenv("DFLOW_DEBUG_S3", "1")
    (tmp_path / "new.txt").write_text("new")
    done = dflow("upload", "-p", "new.txt")
    key = done.stdout.strip()
    assert done.stderr == f"in a script: S3Artifact(key={key!r})\n"
    dflow("download", "-k", key, "-p", "back")
    assert "new" in files("back").values()


def test_upload_prints_what_can_be_used(dflow, tmp_path):
    (tmp_path / "data.csv").write_text("1,2\n")
    done = dflow("upload", "data.csv")
    place = done.stdout.strip()
    assert (Path(place) / "data.csv").read_text() == "1,2\n"
    assert done.stderr == f"in a script: LocalArtifact({place!r})\n"
    (tmp_path / "more.csv").touch()
    answer = dflow.json("upload", "-p", "data.csv", "-p", "more.csv")
    assert sorted(p.name for p in Path(answer["path"]).glob("*.csv")) == ["data.csv", "more.csv"]
    assert (answer["key"], answer["use"]) == (None, f"LocalArtifact({answer['path']!r})")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "say what to upload"),
        (["nothing"], "there is no such file or directory in"),
        (["x", "-n", "ns"], "give both --namespace and --name"),
        (["x", "-t", "tag"], "give --namespace and --name"),
        (["x", "-r", "word"], "--property word: it must be NAME=VALUE"),
    ],
)
def test_wrong_uploads(dflow, words, error):
    assert error in dflow("upload", *words, status=1 if words == ["nothing"] else 2).stderr


def test_upload_that_is_registered_and_downloaded_by_its_urn(dflow, tmp_path, monkeypatch):
    (tmp_path / "catalogue.py").write_text(
        "from dflow import LineageClient\n"
        "class Client(LineageClient):\n"
        "    def register_workflow(self, workflow_name): return ''\n"
        "    def register_task(self, **kwargs): return {}\n"
        "    def register_artifact(self, namespace, name, uri, **kwargs):\n"
        "        open('registered', 'w').write(f'{namespace} {name} {sorted(kwargs.items())}\\n{uri}')\n"
        "        return f'urn:{namespace}:{name}'\n"
        "    def get_artifact_metadata(self, urn):\n"
        "        return {'uri': open('registered').read().splitlines()[1]}\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("DFLOW_LINEAGE", "catalogue.Client")
    (tmp_path / "data.csv").write_text("1,2\n")
    words = ["-n", "lab", "-d", "cells", "-s", "words", "-t", "a", "-t", "b", "-r", "unit=eV"]
    assert dflow.json("upload", "-p", "data.csv", *words)["urn"] == "urn:lab:cells"
    told = Path("registered").read_text().splitlines()[0]
    assert told == "lab cells [('description', 'words'), ('properties', {'unit': 'eV'}), ('tags', ['a', 'b'])]"
    dflow("download", "--urn", "urn:lab:cells", "-p", "out")
    assert files("out") == {"data.csv": "1,2\n"}


def test_codegen_of_a_graph_and_of_a_run_makes_the_same_workflow(run, dflow, tmp_path):
    (tmp_path / "graph.json").write_text(Path("made-1/.dflow/graph.json").read_text())
    text = dflow("codegen", "@latest").stdout
    dflow("codegen", "graph.json", "-o", "made.py")
    assert (tmp_path / "made.py").read_text() == text
    done = subprocess.run([sys.executable, "made.py"], capture_output=True, text=True, check=False)
    assert "Succeeded" in done.stdout, done.stdout + done.stderr


KUBECTL = """#!/bin/sh
if test "$1" = config; then echo here; exit 0; fi
echo "$@" > {here}/words
cat > {here}/given
test ! -e {here}/refused || {{ echo "the server says no" >&2; exit 1; }}
"""


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """A cluster that takes everything."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "kubectl").write_text(KUBECTL.format(here=tmp_path))
    (tools / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_secret_is_made_and_stands_in_no_list_of_processes(kubectl, dflow):
    done = dflow("create", "secret", "-n", "login", "-k", "word", "sesame")
    assert done.stdout == "login\n"
    assert done.stderr == "in a script: Secret(name='login', key='word')\n"
    assert (kubectl / "words").read_text() == "create -f -\n"
    given = (kubectl / "given").read_text()
    assert '"stringData": {"word": "sesame"}' in given
    assert '"namespace": "argo"' in given
    made = dflow("create", "secret", "-", given="from a file\n").stdout.strip()
    assert made.startswith("dflow-")
    assert '"stringData": {"secret": "from a file"}' in (kubectl / "given").read_text()


def test_secret_that_is_refused(kubectl, dflow):
    (kubectl / "refused").touch()
    assert dflow("create", "secret", "x", status=1).stderr == "dflow: kubectl create: the server says no\n"
    assert "must consist of" in dflow("create", "secret", "-n", "A b", "x", status=2).stderr


def test_secret_without_a_cluster(dflow, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    error = dflow("create", "secret", "x", status=1).stderr
    assert "there is no kubectl on PATH. Workflows on this machine need none" in error
