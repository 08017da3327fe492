"""Elements of artifacts: slices of nested ones, ``artifact[i]``, and several artifacts as one."""

# ruff: noqa: UP006, UP035 - signs are written as users of all Python versions write them

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    argo_range,
    download_artifact,
    if_expression,
    upload_artifact,
)
from dflow.engine.errors import CompileError, StepFailed
from dflow.python import OP, OPIO, Artifact, NestedDict, OPIOSign, PythonOPTemplate, Slices


def texts(value: Any) -> Any:
    """The same with the texts of the files."""
    if isinstance(value, dict):
        return {key: texts(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [texts(item) for item in value]
    return None if value is None else Path(str(value)).read_text()


class Read(OP):
    """Tells what it got: the texts, and how many files there were beside them."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(NestedDict[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"t": str, "files": int, "copy": Artifact(NestedDict[Path])})

    @OP.exec_sign_check
    def execute(self, op_in):
        folder = Path.cwd().parent / "inputs/artifacts/x"
        if not folder.exists():  # in a group
            folder = Path.cwd().parents[1] / "inputs/artifacts/x"
        count = sum(p.is_file() for p in folder.rglob("*") if ".dflow" not in p.parts)
        return OPIO({"t": repr(texts(op_in["x"])), "files": count, "copy": op_in["x"]})


class ReadOne(Read):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"t": str, "files": int, "copy": Artifact(Path)})


class ReadList(Read):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(List[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"t": str, "files": int, "copy": Artifact(List[Path])})


class ReadDict(Read):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": Artifact(Dict[str, Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"t": str, "files": int, "copy": Artifact(Dict[str, Path])})


def put(value: Any) -> Any:
    """The same with files of these names."""
    if isinstance(value, dict):
        return {key: put(item) for key, item in value.items()}
    if isinstance(value, list):
        return [put(item) for item in value]
    if value is not None:
        Path(value).write_text(value)
    return value


def told(wf: Workflow, name: str = "s") -> list[Any]:
    wf.raise_for_status()
    return [eval(step.outputs.parameters["t"].value) for step in wf.query_step(name)]  # noqa: S307 - our own repr


def counts(wf: Workflow, name: str = "s") -> list[int]:
    return [step.outputs.parameters["files"].value for step in wf.query_step(name)]


def run(*steps: Any) -> Workflow:
    wf = Workflow("elements")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def sliced(data: Any, op: Any = Read, **arguments: Any) -> Workflow:
    loop = {name: arguments.pop(name) for name in ("with_param",) if name in arguments}
    slices = Slices(input_artifact=["x"], output_parameter=["t"], output_artifact=["copy"], **arguments)
    step = Step("s", PythonOPTemplate(op, slices=slices), artifacts={"x": data}, **loop)
    last = Step("last", PythonOPTemplate(Read), artifacts={"x": step.outputs.artifacts["copy"]})
    return run(step, last)


NESTED = [
    ([["a", "b"], ["c"]], argo_range(2), [["a", "b"], ["c"]], [2, 1]),
    ([{"k": "a", "l": ["b", "c"]}, {"m": "d"}], argo_range(2), [{"k": "a", "l": ["b", "c"]}, {"m": "d"}], [3, 1]),
    ({"p": ["a", "b"], "q": {"r": "c"}}, ["q", "p"], [{"r": "c"}, ["a", "b"]], [1, 2]),
    (["a", ["b", "c"]], argo_range(2), [["a"], ["b", "c"]], [1, 2]),
    ({"a.b": "x", "c": "y"}, ["a.b", "c"], [["x"], ["y"]], [1, 1]),
]


@pytest.mark.parametrize(("value", "items", "expected", "files"), NESTED)
@pytest.mark.parametrize("sub_path", [False, True])
def test_each_slice_of_a_nested_artifact_has_its_own_files_alone(value, items, expected, files, sub_path):
    arguments = {"slices": "{{item}}", "with_param": items}
    wf = sliced(upload_artifact(put(value)), sub_path=sub_path, **arguments)
    assert told(wf, r"s\(") == expected
    assert counts(wf, r"s\(") == files


def test_in_sub_path_mode_there_are_as_many_slices_as_the_outer_list_has_elements():
    wf = sliced(upload_artifact(put({"k": ["a", "b"], "l": ["c", "d"]})), sub_path=True)
    assert told(wf, r"s\(") == [["a", "b"], ["c", "d"]]
    assert counts(wf, r"s\(") == [2, 2]
    assert told(wf, "last") == [["a", "b", "c", "d"]]


def test_a_nested_artifact_in_groups():
    wf = sliced(upload_artifact(put([["a", "b"], ["c", "d"], ["e", "f"]])), ReadList, sub_path=True, group_size=2)
    assert told(wf, "last") == [["a", "b", "c", "d", "e", "f"]]
    assert [len(wf.query_step(rf"s\({index}")) for index in range(3)] == [1, 1, 0]


@pytest.mark.parametrize(
    ("value", "path", "op", "expected"),
    [
        (["a", "b", "c"], [1], ReadOne, "b"),
        (["a", "b", "c"], [-1], ReadOne, "c"),
        ({"k": "a", "l": "b"}, ["l"], ReadOne, "b"),
        ([["a", "b"], ["c"]], [0], ReadList, ["a", "b"]),
        ([["a", "b"], ["c"]], [0, 1], ReadOne, "b"),
        ({"k": {"m": "a", "n": "b"}, "l": "c"}, ["k"], ReadDict, {"m": "a", "n": "b"}),
        ({"k": {"m": "a", "n": "b"}, "l": "c"}, ["k", "n"], ReadOne, "b"),
    ],
)
@pytest.mark.parametrize("made", [False, True])
def test_an_element_of_an_artifact_is_an_argument(value, path, op, expected, made):
    data = upload_artifact(put(value))
    first = Step("first", PythonOPTemplate(Read), artifacts={"x": data})
    element = first.outputs.artifacts["copy"] if made else data
    for key in path:
        element = element[key]
    wf = run(first, Step("s", PythonOPTemplate(op), artifacts={"x": element}))
    assert told(wf) == [expected]
    assert counts(wf) == [len(expected) if isinstance(expected, (list, dict)) else 1]


def test_a_script_finds_an_element_at_its_path():
    template = ShellOPTemplate("cat", script="cat /tmp/x.txt > /tmp/t")
    template.inputs.artifacts["x"] = InputArtifact(path="/tmp/x.txt")
    template.outputs.parameters["t"] = OutputParameter(value_from_path="/tmp/t")
    wf = run(Step("s", template, artifacts={"x": upload_artifact(put(["a", "b"]))[1]}))
    assert wf.query_step("s").outputs.parameters["t"].value == "b"


def test_an_element_that_is_not_there_is_an_error_of_the_step():
    wf = run(Step("s", PythonOPTemplate(ReadOne), artifacts={"x": upload_artifact(put(["a"]))[3]}))
    with pytest.raises(StepFailed, match=r"there is no element '3' of the artifact .* which has 1 elements"):
        wf.raise_for_status()


def test_elements_are_no_part_of_expressions_and_have_constant_indices():
    first = Step("first", PythonOPTemplate(Read), artifacts={"x": upload_artifact(put(["a"]))})
    art = first.outputs.artifacts["copy"]
    with pytest.raises(TypeError, match="cannot stand in an expression"):
        if_expression(first.outputs.parameters["files"] > 1, art[0], art)
    with pytest.raises(TypeError, match="take the part first"):
        art[0].sub_path("x")
    wf = Workflow("w")
    wf.add(first)
    wf.add(Step("s", PythonOPTemplate(ReadOne), artifacts={"x": art[first.outputs.parameters["files"]]}))
    with pytest.raises(CompileError, match="needs a constant index"):
        wf.submit()


def maker(name: str, value: Any) -> Step:
    return Step(name, PythonOPTemplate(Read), artifacts={"x": upload_artifact(put(value))})


def test_artifacts_of_several_steps_are_one_list():
    a, b = maker("a", ["u"]), maker("b", ["v"])
    several = [a.outputs.artifacts["copy"], b.outputs.artifacts["copy"], upload_artifact(put("u"))]
    wf = run([a, b], Step("s", PythonOPTemplate(ReadList), artifacts={"x": several}))
    assert told(wf) == [["u", "v", "u"]]


def test_artifacts_of_several_steps_are_one_dict_and_may_be_lists_themselves():
    a, b = maker("a", ["u", "v"]), maker("b", ["w"])
    several = {"k": a.outputs.artifacts["copy"], "l": b.outputs.artifacts["copy"], "m": [upload_artifact(put("z"))]}
    wf = run([a, b], Step("s", PythonOPTemplate(Read), artifacts={"x": several}))
    assert told(wf) == [{"k": ["u", "v"], "l": "w", "m": ["z"]}]


def test_files_of_one_path_from_several_steps_stay_apart():
    made = []
    for text in "uv":
        template = ShellOPTemplate("echo", script=f"echo -n {text} > /tmp/same.txt")
        template.outputs.artifacts["o"] = OutputArtifact(path="/tmp/same.txt")
        made.append(Step(f"make-{text}", template))
    several = [step.outputs.artifacts["o"] for step in made]
    wf = run(made, Step("s", PythonOPTemplate(ReadList), artifacts={"x": several}))
    assert told(wf) == [["u", "v"]]


def test_a_list_of_artifacts_can_be_sliced_and_handed_through_steps():
    a, b = maker("a", ["u"]), maker("b", ["v"])
    inner = Steps("inner")
    inner.inputs.artifacts["x"] = InputArtifact()
    inner.outputs.artifacts["x"] = OutputArtifact(_from=inner.inputs.artifacts["x"])
    several = [a.outputs.artifacts["copy"], b.outputs.artifacts["copy"]]
    through = Step("through", inner, artifacts={"x": several})
    slices = Slices(sub_path=True, input_artifact=["x"])
    last = Step("s", PythonOPTemplate(ReadOne, slices=slices), artifacts={"x": through.outputs.artifacts["x"]})
    wf = run([a, b], through, last)
    assert told(wf, r"s\(") == ["u", "v"]
    assert texts(download_artifact(wf.query_step("through").outputs.artifacts["x"], path="got")) == ["u", "v"]


def test_what_is_no_artifact_in_a_list_is_named():
    wf = Workflow("w")
    wf.add(Step("s", PythonOPTemplate(ReadList), artifacts={"x": [upload_artifact(put("a")), 3]}))
    with pytest.raises(CompileError, match="element 1: 3 is no artifact"):
        wf.submit()


def test_an_element_can_be_downloaded():
    data = upload_artifact(put([["a", "b"], ["c"]]))
    assert texts(download_artifact(data[0], path="got")) == ["a", "b"]
    assert texts(download_artifact(data[0][1], path="got")) == "b"


def test_the_content_of_an_artifact_is_the_value_of_a_parameter():
    template = ShellOPTemplate("say", script="echo '{{inputs.parameters.n}}' > /tmp/t")
    Path("n.json").write_text("[1, 2]\n")
    template.inputs.parameters["n"] = InputParameter(type=list, source=upload_artifact("n.json"))
    template.outputs.parameters["t"] = OutputParameter(value_from_path="/tmp/t", type=list)
    wf = run(Step("s", template), Step("given", template, parameters={"n": [3]}))
    assert wf.query_step("s").outputs.parameters["t"].value == [1, 2]
    assert wf.query_step("given").outputs.parameters["t"].value == [3]


def test_the_content_of_several_files_is_no_value():
    template = ShellOPTemplate("say", script="true")
    template.inputs.parameters["n"] = InputParameter(source=upload_artifact(put(["a", "b"])))
    with pytest.raises(StepFailed, match=r"the value of parameter 'n' is that of a file, but .* has 2 elements"):
        run(Step("s", template)).raise_for_status()
