"""What has no words in a manifest is refused, with all of its places; never a crash, never a wrong manifest."""

from __future__ import annotations

from typing import Any

import pytest
from dflow import InputParameter, Inputs, OutputArtifact, OutputParameter, Outputs, ShellOPTemplate, Step, Steps
from dflow.compile import compile_workflow
from dflow.engine import codec
from dflow.engine.errors import ExportError
from dflow.exporters.argo.export import export
from dflow.python import PythonOPTemplate, Slices
from odd_workflows import flow, inner_steps, mk, one_text, read, say, sh, sl
from workflows import Long, files, shell, told


def script(**outputs: Any) -> ShellOPTemplate:
    inputs = Inputs(parameters={"x": InputParameter(type=outputs.pop("type", None))})
    return ShellOPTemplate("program", image="alpine:3.20", script="true", inputs=inputs, outputs=Outputs(**outputs))


def artifacts_of_script():
    template = script(artifacts={"f": OutputArtifact(path="/tmp/f")})
    return flow(
        Step(
            "a",
            template,
            slices=Slices(input_parameter=["x"], output_artifact=["f"], create_dir=True),
            parameters={"x": [1, 2]},
        )
    )


def artifacts_of_steps():
    slices = Slices(input_parameter=["x"], output_artifact=["made"])
    return flow(Step("each", inner_steps(), slices=slices, parameters={"x": [1]}))


def groups_as_lists():
    template = script(type=list[int], parameters={"y": OutputParameter(value_from_path="/tmp/y", type=list[int])})
    slices = Slices(input_parameter=["x"], output_parameter=["y"], group_size=2)
    return flow(Step("a", template, slices=slices, parameters={"x": [1, 2, 3]}))


def big_slices():
    slices = Slices(input_parameter=["text"], output_parameter=["size"])
    return flow(Step("a", PythonOPTemplate(Long, slices=slices), parameters={"text": ["a", "b"]}))


def a_format_of_numbers_to_come():
    from dflow import argo_len, argo_sequence

    made = Step("made", PythonOPTemplate(files), parameters={"n": 2})
    count = argo_len(made.outputs.parameters["xs"])
    each = Step(
        "each",
        sl(mk, ["x"], [], ["y"], [], "{{item}}"),
        parameters={"x": made.outputs.parameters["xs"]},
        with_sequence=argo_sequence(count=count, format="%02d"),
    )
    return flow(made, each)


def a_list_of_artifacts_in_slices():
    made = Step("made", PythonOPTemplate(files), parameters={"n": 2})
    several = made.outputs.artifacts["made"]
    each = Step(
        "each",
        sl(told, [], [], ["text"]),
        artifacts={"several": {"x": several[0]}, "some": [several[0]], "alone": several[1]},
        with_param=[1],
    )
    return flow(made, each)


def an_element_that_is_sliced():
    made = Step("made", PythonOPTemplate(files), parameters={"n": 2})
    given = made.outputs.artifacts["made"][0]
    return flow(made, Step("each", sl(read, [], ["given"], ["text"]), artifacts={"given": given}, with_param=[0]))


def a_choice_of_two_kinds():
    from dflow import if_expression

    steps = Steps("inner")
    left = Step("left", sl(mk, ["x"], [], ["y"], ["made"]), parameters={"x": [1]}, when="1 == 1")
    right = Step("right", PythonOPTemplate(files), parameters={"n": 1}, when="1 == 2")
    steps.add([left, right])
    chosen = if_expression(
        left.outputs.parameters["y"] != "", left.outputs.artifacts["made"], right.outputs.artifacts["made"]
    )
    steps.outputs.artifacts["made"] = OutputArtifact(from_expression=chosen)
    return flow(Step("inner", steps))


def bytes_that_are_no_text():
    return flow(Step("a", PythonOPTemplate(say), parameters={"text": "a\udc80b"}))


REFUSED = {
    artifacts_of_script: ["steps 'odd', step 'a': elements and lists of artifacts are for Python OPs"],
    artifacts_of_steps: ["steps 'odd', step 'each': elements and lists of artifacts are for Python OPs"],
    groups_as_lists: ["steps 'odd', step 'a': a group of slices that goes to a template as lists"],
    big_slices: ["steps 'odd', step 'a': big parameters of sliced steps"],
    a_format_of_numbers_to_come: ["steps 'odd', step 'each': format= of a sequence"],
    a_list_of_artifacts_in_slices: [
        "steps 'odd', step 'each': artifact 'several': a list or dict of artifacts",
        "steps 'odd', step 'each': artifact 'some': a list or dict of artifacts",
    ],
    an_element_that_is_sliced: ["steps 'odd', step 'each': artifact 'given': slices of an element"],
    a_choice_of_two_kinds: ["steps 'inner', output artifact 'made': an expression that chooses between"],
    bytes_that_are_no_text: ["a text has bytes that are no UTF-8"],
}


@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_cannot_be_exported_is_refused_with_its_place(build):
    graph = compile_workflow(build())
    with pytest.raises(ExportError) as caught:
        export(graph)
    problems = caught.value.problems
    assert len(problems) == len(set(problems))
    for text in REFUSED[build]:
        assert any(problem.startswith(text) for problem in problems), problems


def test_all_problems_are_told_at_once():
    template = script(artifacts={"f": OutputArtifact(path="/tmp/f")})
    slices = Slices(input_parameter=["x"], output_artifact=["f"], create_dir=True)
    first = Step("first", template, slices=slices, parameters={"x": [1, 2]})
    long = Step(
        "long",
        PythonOPTemplate(Long, slices=Slices(input_parameter=["text"])),
        parameters={"text": ["{{workflow.name}}"]},
    )
    with pytest.raises(ExportError) as caught:
        export(compile_workflow(flow(first, long, parameters={"p": "{{workflow.name}}"})))
    text = str(caught.value)
    assert "step 'first'" in text
    assert "step 'long'" in text
    assert "workflow parameter 'p'" in text


@pytest.mark.parametrize(
    "tag", ["{{workflow.name}}", "{{inputs.parameters.q}}", "{{ steps.a.id }}", "{{=1 + 1}}", "{{node.name}}"]
)
def test_a_constant_that_argo_would_replace_is_refused(tag):
    """TG-03: what stands in a value is looked at again, by the template that gets it."""
    each = Step("each", shell(), parameters={"text": "{{item}}"}, with_param=[tag])
    with pytest.raises(ExportError, match="Argo would replace"):
        export(compile_workflow(flow(each)))


@pytest.mark.parametrize("text", ["{{x}}", "{{item2}}", "{{=a}}", "{{", "}}", "{{{", "{{ x.y }}", "{{item}}"])
def test_a_constant_that_argo_leaves_alone_is_not(text):
    made = export(compile_workflow(flow(Step("each", sh(), parameters={"text": "-{{item}}"}, with_param=[text]))))
    assert made.manifest["spec"]["templates"]


def test_slices_of_what_is_no_list_are_refused_in_graphs_of_elsewhere_too():
    """In scripts, the compiler finds them."""
    graph = compile_workflow(flow(Step("a", sl(one_text, ["x"], [], ["y"]), parameters={"x": [1, 2], "w": "-"})))
    damaged = codec.loads(codec.dumps(graph).replace("[1, 2]", "[1, "))
    with pytest.raises(ExportError, match="steps 'odd', step 'a': its slices cannot be dealt out"):
        export(damaged)
