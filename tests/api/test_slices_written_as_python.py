"""The index of a slice where scripts write it as Python; upstream runs that, here it is read."""

from __future__ import annotations

import pytest
from dflow import ShellOPTemplate, Step, Workflow, argo_sequence
from dflow.compile.indices import as_index, without_items
from dflow.engine import expressions
from dflow.python import OP, PythonOPTemplate, Slices


def _indices(index, items):
    """What each item makes of the index, as a number."""
    source = as_index(index)
    assert source.startswith("{{=")
    source = source.removeprefix("{{=").removesuffix("}}")
    return [int(expressions.to_text(expressions.evaluate(source, expressions.item_scope(item)))) for item in items]


@pytest.mark.parametrize(
    ("index", "items", "picked"),
    [
        ("int('{{item}}')", ["000", "002"], [0, 2]),
        ('int("{{item}}")', ["1"], [1]),
        ("int({{item}})", [0, 2], [0, 2]),
        ("{{item}}-1", [1, 3], [0, 2]),
        ("({{item}} - 1) // 2", [1, 2, 5], [0, 0, 2]),
        ("2 - {{item.k}}", [{"k": 0}, {"k": 2}], [2, 0]),
        ("int({{item}}/2)", [0, 2, 5], [0, 1, 2]),
        ("({{item}} - 4) % 3", [0, 1], [2, 0]),
        ("int('{{item}}'.split('-')[1])", ["conf-1", "conf-2"], [1, 2]),
        ("int('a-{{item}}'.split('-')[-1])", [2], [2]),
    ],
)
def test_the_index_is_the_one_that_the_python_would_give(index, items, picked):
    assert _indices(index, items) == picked


def test_numbers_of_a_sequence_with_a_format_are_indices():
    @OP.function
    def same(x: int) -> {"y": int}:  # noqa: F821, UP037 - the name of an output
        return {"y": x}

    slices = Slices("int('{{item}}')", input_parameter=["x"], output_parameter=["y"])
    step = Step(
        "same",
        PythonOPTemplate(same, image="none", slices=slices),
        parameters={"x": [10, 20, 30]},
        with_sequence=argo_sequence(2, start=1, format="%06d"),
    )
    workflow = Workflow("indices")
    workflow.add(step)
    workflow.submit()
    workflow.raise_for_status()
    assert [step.outputs.parameters["y"].value for step in workflow.query_step(name="same")] == [20, 30]


@pytest.mark.parametrize(
    "text",
    [
        "{{item}}",
        "{{item.order}}",
        "{{=asInt(item)}}",
        "conf-{{item}}",
        "0",
        "open('{{item}}')",
        "__import__('os').system('{{item}}')",
        "[{{item}}][0]",
        "int('{{item}}', 16)",
        "'{{item}}'.split('{{item}}')",
        "{{item}} if {{item}} else 0",
        "True + {{item}}",
        "int('{{item}}') + 'a'",
    ],
)
def test_what_is_no_python_of_indices_stays_a_text(text):
    assert as_index(text) == text


def test_what_an_item_holds_is_never_python():
    source = as_index("int('{{item}}')")
    assert source == "{{=asInt(item)}}"


def test_a_key_that_names_the_item_of_another_step_has_the_word():
    assert without_items("run-{{item}}-{{item.name}}") == "run-item-item-name"
    template = ShellOPTemplate("say", script="echo hi")
    workflow = Workflow("keys")
    workflow.add(Step("say", template, key="run-{{item}}-check"))
    workflow.submit()
    assert workflow.query_step(name="say")[0].key == "run-item-check"
