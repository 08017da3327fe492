"""Artifacts that lie outside of any store: URLs, and what classes of the user's get."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from dflow import (
    CustomArtifact,
    HTTPArtifact,
    InputArtifact,
    InputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    gen_code,
)
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import CompileError, ExportError, UnsupportedError
from dflow.engine.fetch import FetchError
from dflow.python import OP, Artifact, OPIOSign, PythonOPTemplate, TransientError


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def shows(**fields):
    """A template that copies its artifact to its log."""
    template = ShellOPTemplate("show", script="cat /tmp/x")
    template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x", **fields)
    return template


def submitted(*steps):
    wf = Workflow("outside")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


class Read(OP):
    """Gives the text of the file that it gets, and what lies in the directory."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(Path), "n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"text": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        place = op_in["x"]
        if place.is_dir():
            return {"text": " ".join(sorted(p.name for p in place.iterdir()))}
        return {"text": place.read_text() * op_in["n"]}


# -- URLs -------------------------------------------------------------------------------------------------------------


def test_a_step_fetches_what_a_url_names_beside_its_parameters(server):
    folder, url = server
    folder.joinpath("f").write_text("hello ")
    step = Step("read", PythonOPTemplate(Read), parameters={"n": 2}, artifacts={"x": HTTPArtifact(f"{url}/f")})
    wf = submitted(step)
    assert wf.query_status() == "Succeeded", wf.query_step(name="read").message
    assert wf.query_step(name="read").outputs.parameters["text"].value == "hello hello "


def test_a_url_may_hold_the_output_of_a_step_before(server):
    folder, url = server
    folder.joinpath("f7").write_text("seven")
    inner = Steps("inner")
    inner.inputs.parameters["i"] = InputParameter()
    given = HTTPArtifact(f"{url}/f{inner.inputs.parameters['i']}")
    inner.add(Step("show", shows(), artifacts={"x": given}))
    wf = submitted(Step("all", inner, parameters={"i": 7}))
    assert wf.query_status() == "Succeeded"
    assert "seven" in wf.logs("show")


def test_a_name_in_a_url_that_nothing_has_is_told_before_anything_runs():
    with pytest.raises(CompileError, match=r"steps\.no\.outputs"):
        submitted(Step("show", shows(), artifacts={"x": HTTPArtifact("http://h/{{steps.no.outputs.parameters.a}}")}))


def test_download_puts_the_file_into_a_folder(server, tmp_path):
    folder, url = server
    folder.joinpath("a b.txt").write_text("data")
    artifact = HTTPArtifact(f"{url}/a%20b.txt?x=1")
    assert artifact.download() == "./a b.txt"
    assert artifact.download(path=tmp_path / "new" / "er") == str(tmp_path / "new" / "er" / "a b.txt")
    assert tmp_path.joinpath("new", "er", "a b.txt").read_text() == "data"
    with pytest.raises(FetchError, match="404"):
        HTTPArtifact(f"{url}/none").download()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a b.txt", "new", "served"]


@pytest.mark.parametrize("url", ["http://h/f", "http://h/{{workflow.name}}"])
def test_a_url_goes_to_a_manifest_and_comes_back_from_a_graph(url):
    wf = Workflow("outside")
    wf.add(Step("show", shows(), artifacts={"x": HTTPArtifact(url)}))
    graph = compile_workflow(wf)
    again = decompile(graph)
    assert again.compiled is None
    assert compile_workflow(again) == graph
    assert f"url: {url}" in wf.to_yaml().replace("'", "").replace('"', "")
    assert f'HTTPArtifact("{url}")' in gen_code(wf.to_graph())


# -- classes of the user's --------------------------------------------------------------------------------------------


class Made(CustomArtifact):
    """Does what its text says."""

    def __init__(self, how, text="hello"):
        self.how, self.text = how, text

    def get_urn(self):
        return json.dumps([self.how, self.text])

    @classmethod
    def from_urn(cls, urn):
        return cls(*json.loads(urn))

    def download(self, name, path):
        print(f"brings {name} for {self.text}")
        return getattr(self, self.how)(Path(path))

    def file(self, path):
        path.write_text(self.text)

    def folder(self, path):
        path.mkdir()
        path.joinpath("a").write_text(self.text)
        path.joinpath("b").write_text(self.text)

    def here(self, path):
        Path("made").write_text(self.text)
        Path("rubbish").write_text("")
        return "made"

    def elsewhere(self, path):
        return self.text

    def nothing(self, path):
        return None

    def lies(self, path):
        return "nowhere"

    def both(self, path):
        path.write_text("")
        Path("x").write_text("")
        return "x"

    def fails(self, path):
        raise ValueError("the data set is closed")

    def leaves(self, path):
        sys.exit(3)

    def later(self, path):
        counter = Path(self.text)
        counter.write_text(counter.read_text() + "|" if counter.exists() else "|")
        if len(counter.read_text()) < 3:
            raise TransientError("not yet")
        path.write_text("at last")


def read_step(artifact, **arguments):
    return Step("read", PythonOPTemplate(Read, **arguments), parameters={"n": 1}, artifacts={"x": artifact})


@pytest.mark.parametrize(("how", "text"), [("file", "hello"), ("folder", "a b"), ("here", "hello")])
def test_a_class_brings_the_artifact_of_a_step(how, text):
    wf = submitted(read_step(Made(how)))
    step = wf.query_step(name="read")
    assert wf.query_status() == "Succeeded", step.message
    assert step.outputs.parameters["text"].value == text
    assert "brings x for hello" in wf.logs("read")
    assert [p for p in Path(step.path).iterdir() if p.name.startswith(".bring")] == []
    assert Path(step.inputs.artifacts["x"].local_path).exists()


def test_what_lies_elsewhere_is_linked(tmp_path):
    tmp_path.joinpath("data").write_text("large")
    wf = submitted(read_step(Made("elsewhere", str(tmp_path / "data"))))
    step = wf.query_step(name="read")
    assert step.outputs.parameters["text"].value == "large"
    assert Path(step.inputs.artifacts["x"].local_path).resolve() == tmp_path / "data"


def test_a_script_finds_it_at_the_path_that_it_declares():
    wf = submitted(Step("show", shows(), artifacts={"x": Made("file", "for a script")}))
    assert wf.query_status() == "Succeeded"
    assert wf.logs("show").endswith("for a script")


def test_the_user_s_code_runs_in_a_process_of_its_own(tmp_path):
    assert submitted(read_step(Made("leaves"))).query_status() == "Failed"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("fails", "input artifact 'x': ValueError: the data set is closed"),
        ("leaves", "input artifact 'x': SystemExit: 3"),
        ("lies", "input artifact 'x': FileNotFoundError: download() returned 'nowhere', and there is no such file"),
        ("both", "and has left something at"),
        ("nothing", "download() of Made returned None and left nothing at"),
    ],
)
def test_a_failure_is_that_of_the_step_with_the_class_s_own_words(how, message):
    for step in (read_step(Made(how)), Step("read", shows(), artifacts={"x": Made(how)})):
        wf = submitted(step)
        node = wf.query_step(name="read")
        assert node.phase == "Failed"
        assert message in node.message


def test_an_optional_artifact_may_be_missing():
    template = ShellOPTemplate("show", script="test ! -e /tmp/x")
    template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x", optional=True)
    assert submitted(Step("show", template, artifacts={"x": Made("nothing")})).query_status() == "Succeeded"


def test_a_transient_error_is_tried_again(tmp_path):
    wf = submitted(read_step(Made("later", str(tmp_path / "count")), retry_on_transient_error=5))
    step = wf.query_step(name="read")
    assert step.outputs.parameters["text"].value == "at last"
    assert tmp_path.joinpath("count").read_text() == "|||"


def test_a_download_that_takes_too_long_is_ended(run_script):
    done = run_script(SLOW)
    assert "Failed it was ended after its time limit of 0.5 s" in done.stdout


SLOW = """\
import time
from dflow import CustomArtifact, InputArtifact, ShellOPTemplate, Step, Workflow

class Slow(CustomArtifact):
    def get_urn(self):
        return ""
    @classmethod
    def from_urn(cls, urn):
        return cls()
    def download(self, name, path):
        time.sleep(60)

template = ShellOPTemplate("a", script="true", timeout=0.5)
template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x")
wf = Workflow("slow")
wf.add(Step("a", template, artifacts={"x": Slow()}))
wf.submit()
print(wf.query_step(name="a").phase, wf.query_step(name="a").message)
"""


def test_each_step_of_a_group_gets_it(tmp_path):
    inner = Steps("inner")
    inner.inputs.artifacts["x"] = InputArtifact()
    for name in ("one", "two"):
        inner.add(Step(name, shows(), artifacts={"x": inner.inputs.artifacts["x"]}))
    wf = submitted(Step("all", inner, artifacts={"x": Made("file", "shared")}))
    assert wf.query_status() == "Succeeded"
    assert [wf.logs(name).count("brings x") for name in ("one", "two")] == [1, 1]


def test_an_object_that_is_redirected_stands_for_another_artifact(tmp_path):
    tmp_path.joinpath("f").write_text("instead")
    artifact = Made("fails")
    artifact.redirect = Made("file", "instead")
    assert submitted(read_step(artifact)).query_step(name="read").outputs.parameters["text"].value == "instead"


SCRIPT = """\
import os
from pathlib import Path
from dflow import CustomArtifact, InputArtifact, ShellOPTemplate, Step, Workflow

PREFIX = "from the script: "

class Mine(CustomArtifact):
    def __init__(self, text):
        self.text = text
    def get_urn(self):
        return self.text
    @classmethod
    def from_urn(cls, urn):
        return cls(urn)
    def download(self, name, path):
        if not os.path.exists(self.text):
            raise OSError("closed")
        Path(path).write_text(PREFIX + Path(self.text).read_text())

template = ShellOPTemplate("a", script="cat /tmp/x")
template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x")
wf = Workflow("mine", id="mine-1")
wf.add(Step("a", template, artifacts={"x": Mine(os.path.abspath("data"))}))
if __name__ == "__main__":
    wf.submit()
    print(wf.query_status())
"""


def test_a_run_goes_on_without_the_script_that_defines_the_class(run_script, tmp_path):
    assert "Failed" in run_script(SCRIPT).stdout
    tmp_path.joinpath("data").write_text("hello")
    tmp_path.joinpath("script.py").unlink()
    command = [sys.executable, "-m", "dflow.cli", "retry", "mine-1"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert tmp_path.joinpath("mine-1", "status").read_text() == "Succeeded"
    (log,) = (file for file in tmp_path.glob("mine-1/*-a-*/log.txt") if ".bk" not in str(file))
    assert log.read_text() == "from the script: hello"


def test_code_that_others_could_have_written_is_not_run(run_script, tmp_path):
    run_script(SCRIPT)
    tmp_path.joinpath("data").write_text("hello")
    (spec,) = tmp_path.glob("mine-1/.dflow/ops/_artifact-*.json")
    assert spec.stat().st_mode & 0o777 == 0o600
    spec.chmod(0o666)
    command = [sys.executable, "-m", "dflow.cli", "retry", "mine-1"]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    (step,) = (p for p in tmp_path.glob("mine-1/*-a-*/.step") if ".bk" not in str(p))
    assert "can be written by others, so the code in it is not trusted" in step.read_text()


def test_a_graph_with_a_class_comes_back_whole():
    wf = Workflow("outside")
    wf.add(read_step({"a": Made("file"), "b": Made("folder")}))
    graph = compile_workflow(wf)
    again = decompile(graph)
    assert again.compiled is None
    assert compile_workflow(again) == graph


def test_a_class_that_cannot_travel_is_named(run_script):
    text = SCRIPT.replace('PREFIX = "from the script: "', "import threading; PREFIX = threading.Lock()")
    done = run_script(text, check=False)
    assert done.returncode == 1
    assert "artifact class Mine cannot be sent to the process that runs it" in done.stderr
    assert "Make that object inside download" in done.stderr


def test_export_refuses_a_class_and_names_the_place():
    wf = Workflow("outside")
    wf.add(read_step(Made("file")))
    with pytest.raises(ExportError, match="an artifact of the class 'Made' cannot be exported") as error:
        wf.to_yaml()
    assert "steps 'outside', step 'read'" in str(error.value)


def test_no_script_can_be_written_of_a_class():
    wf = Workflow("outside")
    wf.add(read_step(Made("file")))
    with pytest.raises(UnsupportedError, match="has an artifact of the class 'Made'"):
        gen_code(wf.to_graph())


def test_a_class_without_from_urn_says_so():
    class Bare(CustomArtifact):
        def get_urn(self):
            return ""

        def download(self, name, path):
            return None

    node = submitted(read_step(Bare())).query_step(name="read")
    assert "Bare needs a classmethod from_urn(cls, urn)" in node.message
