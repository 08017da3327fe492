"""Artifacts that are named by a URN, of classes that are registered for its scheme."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import CustomArtifact, Step, Workflow, config
from dflow.engine.errors import CompileError
from dflow.python import OP, Artifact, PythonOPTemplate


class Noted(CustomArtifact):
    """An artifact whose URN says what is in it."""

    def __init__(self, text):
        self.text = text

    def get_urn(self):
        return f"note://{self.text}"

    @classmethod
    def from_urn(cls, urn):
        text = urn.partition("://")[2]
        if not text:
            raise ValueError(f"{urn} says nothing")
        return cls(text)

    def download(self, name, path):
        Path(path).mkdir(parents=True, exist_ok=True)
        place = Path(path) / "note.txt"
        place.write_text(self.text)
        return str(place)


@OP.function
def read(file: Artifact(Path)) -> {"text": str}:  # noqa: F821, UP037 - the name of an output
    place = file if file.is_file() else next(file.iterdir())
    return {"text": place.read_text()}


@pytest.fixture
def registered(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(config, "artifact_register", {"note": "noted.Noted"})
    monkeypatch.setitem(__import__("sys").modules, "noted", type("Module", (), {"Noted": Noted}))


def workflow(urn):
    wf = Workflow("urn")
    wf.add(Step("read", PythonOPTemplate(read), artifacts={"file": urn}))
    return wf


@pytest.mark.usefixtures("registered")
def test_a_urn_of_a_registered_scheme_is_an_artifact():
    wf = workflow("note://hello")
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="read")[0].outputs.parameters["text"].value == "hello"


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("urn", "message"), [("note://", "says nothing"), ("other://x", "is no artifact"), ("text", "is no artifact")]
)
def test_other_texts_are_no_artifacts(urn, message):
    with pytest.raises(CompileError, match=message):
        workflow(urn).submit()


@pytest.mark.usefixtures("registered")
def test_a_class_that_is_not_there_is_named():
    config["artifact_register"]["gone"] = "no_such_module.Class"
    with pytest.raises(CompileError, match="no_such_module"):
        workflow("gone://x").submit()


@pytest.mark.usefixtures("registered")
def test_data_sets_of_the_plugins_need_no_registering():
    with pytest.raises(CompileError, match="names no data set"):
        workflow("launching+datasets://").submit()
