"""What an OP can ask of the places of its artifacts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from dflow import Step, Workflow, config, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate


class Make(OP):
    """Makes a file, and says where."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"i": Artifact(Path), "kind": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"o": Artifact(Path), "said": list})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("f").write_text("made")
        if op_in["kind"] == "other":
            self.get_input_artifact_storage_key("o")
        said = [
            self.get_input_artifact_storage_key("i"),
            self.get_output_artifact_storage_key("o"),
            self.get_input_artifact_link("i"),
            self.get_output_artifact_link("o"),
        ]
        return OPIO({"o": Path("f"), "said": said})


def two(kind="plain"):
    """One step after the other; they get what the one before has made."""
    Path("data").write_text("data")
    wf = Workflow("places")
    given = upload_artifact("data")
    for key in ("one", "two"):
        step = Step(key, PythonOPTemplate(Make), parameters={"kind": kind}, artifacts={"i": given}, key=key)
        wf.add(step)
        given = step.outputs.artifacts["o"]
    wf.submit()
    return wf


@pytest.mark.parametrize("method", ["symlink", "copy"])
def test_keys_are_paths_in_the_run_directory_and_links_lead_to_the_files(tmp_path, method):
    config["debug_copy_method"] = method
    wf = two()
    run = tmp_path / wf.id
    one, other = (wf.query_step(key=key).outputs.parameters["said"].value for key in ("one", "two"))
    upload = next(tmp_path.joinpath("upload").iterdir())
    assert one[0] == (str(upload) if method == "symlink" else "one/inputs/artifacts/i")
    assert one[1] == "one/outputs/artifacts/o"
    assert other[0] == ("one/outputs/artifacts/o" if method == "symlink" else "two/inputs/artifacts/i")
    for key, place in ((one[1], one[3]), (other[1], other[3])):
        assert place == (run / key).as_uri()
        assert Path(unquote(urlsplit(place).path)).joinpath("f").read_text() == "made"
    assert Path(unquote(urlsplit(other[2]).path)).joinpath("f").read_text() == "made"


def test_an_artifact_that_is_not_declared_is_an_error_with_those_that_are():
    wf = two("other")
    assert "OP Make: artifact 'o' is not declared; declared are 'i'" in wf.query_step(key="one").message


def test_outside_of_a_step_artifacts_have_no_place():
    for ask in ("get_output_artifact_storage_key", "get_output_artifact_link"):
        with pytest.raises(RuntimeError, match="only while the OP runs as a step"):
            getattr(Make(), ask)("o")
    with pytest.raises(RuntimeError, match="only while the OP runs as a step"):
        Make().register_output_artifact("o", "namespace", "name")


class Odd(Make):
    """Registers with something that is no JSON."""

    def execute(self, op_in):
        self.register_output_artifact("o", "ns", "n", what=object())
        return super().execute(op_in)


def test_what_is_no_json_is_an_error_of_the_op():
    Path("data").write_text("data")
    wf = Workflow("places")
    arguments = {"parameters": {"kind": ""}, "artifacts": {"i": upload_artifact("data")}}
    wf.add(Step("a", PythonOPTemplate(Odd), key="a", **arguments))
    wf.submit()
    assert "Object of type object is not JSON serializable" in wf.query_step(key="a").message


def test_a_key_of_a_store_is_the_key_of_an_input(tmp_path):
    from dflow.python.places import artifact_key

    run = tmp_path / "run"
    place = run / ".dflow" / "store" / "sets" / "a"
    place.parent.mkdir(parents=True)
    place.write_text("x")
    step = run / "step"
    folder = step / "inputs" / "artifacts"
    folder.mkdir(parents=True)
    folder.joinpath("i").symlink_to("../../../.dflow/store/sets/a")
    assert artifact_key(str(step), "inputs", "i") == "sets/a"
