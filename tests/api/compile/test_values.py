"""What a script gives for a parameter, and what stands in the graph."""

from __future__ import annotations

import pytest
from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.compile import compile_workflow
from dflow.engine.model import Expr, Literal, Ref, Text


@pytest.fixture
def first() -> Step:
    template = ShellOPTemplate("t", script="true")
    for name, kind in (("x", None), ("n", int), ("l", list)):
        template.outputs.parameters[name] = OutputParameter(value_from_path=f"/tmp/{name}", type=kind)
    return Step("a", template)


def value(first: Step, given: object, kind: object = None):
    template = ShellOPTemplate("u", script="true")
    template.inputs.parameters["p"] = InputParameter(type=kind)
    wf = Workflow("w")
    wf.add(first)
    wf.add(Step("b", template, parameters={"p": given}))
    graph = compile_workflow(wf)
    entry = next(t for t in graph.templates if t.name == graph.entrypoint)
    return dict(entry.groups[1][0].parameters)["p"]


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (1, int, "1"),
        (1, None, "1"),
        (1.0, float, "1.0"),
        (1e-7, float, "1e-07"),
        (True, bool, "true"),
        ("true", bool, "true"),
        (None, None, "null"),
        ("plain", str, "plain"),
        ('with "quotes"\n', str, 'with "quotes"\n'),
        ("5", str, "5"),
        ("5", int, "5"),
        ([1, "a", None, True, 1.5], list, '[1, "a", null, true, 1.5]'),
        ({"k": [1]}, dict, '{"k": [1]}'),
        ([(1, 2.5), (2, 3)], list[list[float]], "[[1, 2.5], [2, 3]]"),
        (range(3), list, "[0, 1, 2]"),
        ({"k": (1, 2)}, dict[str, list[int]], '{"k": [1, 2]}'),
        ([(1, 2)], list, '[{"py/tuple": [1, 2]}]'),
        ((1, "a"), tuple, '{"py/tuple": [1, "a"]}'),
        ({1}, set, '{"py/set": [1]}'),
        ("", str, ""),
        ("{ not a tag }", str, "{ not a tag }"),
    ],
)
def test_constants_become_texts(first, given, kind, text):
    assert value(first, given, kind) == Literal(text)


def test_reference_alone_is_a_reference_however_it_is_written(first):
    wanted = Ref("steps.a.outputs.parameters.x")
    x = first.outputs.parameters["x"]
    assert value(first, x) == value(first, str(x)) == value(first, "{{ steps.a.outputs.parameters.x }}") == wanted


def test_reference_in_a_text_is_a_text(first):
    assert value(first, f"n={first.outputs.parameters['x']}") == Text("n={{steps.a.outputs.parameters.x}}")


def test_expression_is_an_expression(first):
    made = value(first, first.outputs.parameters["n"] + 1)
    assert made == Expr("(asFloat(steps['a'].outputs.parameters['n']) + 1)")
    assert value(first, "{{=1 + 1}}") == Expr("1 + 1")


def test_input_of_another_step_stands_for_what_that_step_was_given():
    template = ShellOPTemplate("t", script="true")
    template.inputs.parameters["p"] = InputParameter(type=int)
    a = Step("a", template, parameters={"p": 3})
    assert value(a, a.inputs.parameters["p"]) == Literal("3")
