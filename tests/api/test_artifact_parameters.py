"""What is known of artifacts before a workflow runs, and where artifacts are kept besides."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow import S3Artifact, Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, Parameter, PythonOPTemplate, Slices


class Work(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign(
            {
                "files": Artifact(list[Path], optional=True),
                "place": Artifact(Path, optional=True),
                "n": Parameter(object, default=0),
            }
        )

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"out": Artifact(Path), "got": Parameter(object)})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("out").write_text(str(op_in["n"]))
        place = op_in["place"]
        return OPIO(
            {
                "out": Path("out"),
                "got": {
                    "n": op_in["n"],
                    "files": op_in["files"] and [file.name for file in op_in["files"]],
                    "place": place
                    and (sorted(p.name for p in place.iterdir()) if place.is_dir() else place.read_text()),
                },
            }
        )


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "in/b", "in/c"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)


def run(*steps):
    wf = Workflow("art")
    for step in steps:
        wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    return wf


def got(wf, name):
    return [step.outputs.parameters["got"].value for step in wf.query_step(name=name)]


def test_the_paths_of_an_upload_can_be_a_value():
    first = Step("first", PythonOPTemplate(Work), artifacts={"files": upload_artifact(["a", "in/b"])})
    paths = first.inputs.artifacts["files"].get_path_list_parameter()
    second = Step("second", PythonOPTemplate(Work), parameters={"n": paths})
    wf = run(first, second)
    assert got(wf, "second")[0]["n"] == [
        {"dflow_list_item": "a", "order": 0},
        {"dflow_list_item": "in/b", "order": 1},
    ]


def test_the_urn_of_an_upload_can_be_a_value():
    given = upload_artifact("a")
    given.urn = "urn:a"
    first = Step("first", PythonOPTemplate(Work), artifacts={"place": given})
    assert first.inputs.artifacts["place"].get_urn_parameter().value == "urn:a"
    assert first.inputs.artifacts["files"].get_urn_parameter().value == ""
    assert first.inputs.artifacts["files"].get_path_list_parameter().value == []


@pytest.mark.parametrize("method", ["get_path_list_parameter", "get_urn_parameter"])
def test_of_what_a_step_makes_nothing_is_known_yet(method):
    first = Step("first", PythonOPTemplate(Work))
    second = Step("second", PythonOPTemplate(Work), artifacts={"place": first.outputs.artifacts["out"]})
    for artifact in (
        first.outputs.artifacts["out"],
        second.inputs.artifacts["place"],
        second.template.inputs.artifacts["place"],
    ):
        with pytest.raises(TypeError, match="known when it has run"):
            getattr(artifact, method)()


def test_a_prefix_gives_the_op_a_part_of_its_input():
    template = PythonOPTemplate(Work, input_artifact_prefix={"place": "in", "files": "in"})
    given = upload_artifact(["a", "in/b", "in/c"])
    wf = run(Step("s", template, artifacts={"place": given, "files": given}))
    assert got(wf, "s")[0] == {"n": 0, "files": ["b", "c"], "place": ["b", "c"]}


def test_slices_have_directories_where_the_template_says_so():
    template = PythonOPTemplate(
        Work, create_slice_dir=True, slices=Slices(input_parameter=["n"], output_artifact=["out"])
    )
    make = Step("make", template, parameters={"n": [5, 6]}, with_param=[0, 1])
    look = Step("look", PythonOPTemplate(Work), artifacts={"files": make.outputs.artifacts["out"]})
    wf = run(make, look)
    assert got(wf, "look")[0]["files"] == ["out", "out"]


def test_inputs_that_are_each_slices_own_are_not_sliced():
    slices = Slices(input_parameter=["n"], output_parameter=["got"])
    template = PythonOPTemplate(Work, skip_slice_input=True, slices=slices)
    make = Step("make", template, parameters={"n": "{{item}}"}, with_param=["x", "y"])
    look = Step("look", PythonOPTemplate(Work), parameters={"n": make.outputs.parameters["got"]})
    wf = run(make, look)
    assert [each["n"] for each in got(wf, "look")[0]["n"]] == ["x", "y"]
    assert (template.slices.input_parameter, slices.input_parameter) == (["n"], ["n"])


@pytest.mark.parametrize("where", ["sign", "template"])
def test_an_output_is_kept_under_the_key_that_save_names(where):
    save = [S3Artifact(key="my/key")]

    class Saving(Work):
        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"out": Artifact(Path, save=save), "got": Parameter(object)})

    template = (
        PythonOPTemplate(Saving) if where == "sign" else PythonOPTemplate(Work, output_artifact_save={"out": save})
    )
    make = Step("make", template, parameters={"n": 7})
    look = Step("look", PythonOPTemplate(Work), artifacts={"place": S3Artifact(key="my/key")})
    wf = run(make, look)
    assert got(wf, "look")[0]["place"] == "7"
    templates = {entry["name"]: entry for entry in wf.to_dict()["spec"]["templates"]}
    kept = [o for t in templates.values() for o in t.get("outputs", {}).get("artifacts", []) if "s3" in o]
    assert [(o["name"], o["s3"]["key"]) for o in kept] == [("out", "my/key")]
