"""Texts with tags, and the values that they become."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.expressions import expand_items, item_name
from dflow.engine.model import Expr, Literal, Ref, Sequence, Text
from dflow.engine.scope import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import Value

    First = Callable[..., Any]
    Found = Callable[..., tuple[str, ...]]

TAKES_X = {
    "name": "echo",
    "inputs": {"parameters": [{"name": "x"}]},
    "container": {"image": "a", "command": ["echo"]},
}
INPUTS = {"parameters": [{"name": "a", "value": "q"}, {"name": "b-c", "value": "1"}]}


def main(**call: Any) -> dict[str, Any]:
    return {"name": "main", "inputs": INPUTS, "steps": [[{"name": "s", "template": "echo", **call}]]}


def argument(value: Any) -> dict[str, Any]:
    return {"arguments": {"parameters": [{"name": "x", "value": value}]}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", Literal("plain")),
        ("", Literal("")),
        (3, Literal("3")),
        (1.0, Literal("1")),
        (0.5, Literal("0.5")),
        (True, Literal("true")),
        ({"b": [1]}, Literal('{"b":[1]}')),
        ("{{inputs.parameters.a}}", Ref("inputs.parameters.a")),
        ("{{ inputs.parameters.a }}", Ref("inputs.parameters.a")),
        ("{{=1 + 1}}", Expr("1 + 1")),
        ("{{= inputs.parameters.a }}", Expr("inputs.parameters.a")),
        ("{{inputs.parameters.a}}!", Text("{{inputs.parameters.a}}!")),
        ("{{inputs.parameters.a}}{{inputs.parameters.a}}", Text("{{inputs.parameters.a}}{{inputs.parameters.a}}")),
        ("{{foo}}", Text("{{foo}}")),
        ("a {{ b", Literal("a {{ b")),
        ("a }} b", Literal("a }} b")),
    ],
)
def test_a_text_becomes_a_value(first: First, text: Any, value: Value) -> None:
    made = first(main(**argument(text)), TAKES_X)
    assert made.groups[0][0].parameters == (("x", value),)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<{{workflow.parameters.{{inputs.parameters.a}}}}>", "<v>"),
        ("{{workflow.parameters.{{ inputs.parameters.a }}-z}}", "w"),
        ("{{workflow.parameters.z-{{inputs.parameters.a}}}}", "x"),
    ],
)
def test_a_nested_tag_is_replaced_in_one_pass(first: First, text: str, found: str) -> None:
    parameters = [{"name": "k", "value": "v"}, {"name": "k-z", "value": "w"}, {"name": "z-k", "value": "x"}]
    made = first(main(**argument(text)), TAKES_X, arguments={"parameters": parameters})
    value = made.groups[0][0].parameters[0][1]
    names = {f"workflow.parameters.{row['name']}": row["value"] for row in parameters}
    assert resolve(value, {"inputs.parameters.a": "k", **names}) == found


def test_a_tag_that_is_not_closed_beside_another_is_a_problem(problems: Found) -> None:
    (problem,) = problems(main(**argument("{{inputs.parameters.a}} {{ b")), TAKES_X)
    assert problem.startswith("template 'main', step 's', parameter 'x': this {{ has no }}")


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (["a", "b (c)"], ["(0:a)", "(1:b c)"]),
        ([1, 1.0, 2.5, True], ["(0:1)", "(1:1)", "(2:2.5)", "(3:true)"]),
        ([{"b": 1, "a": "x"}], ["(0:a:x,b:1)"]),
        ([["p", 1]], ["(0:[p 1])"]),
        (["<&>"], ["(0:<&>)"]),
    ],
)
def test_items_are_written_as_go_writes_them(first: First, items: list[Any], names: list[str]) -> None:
    loop = first(main(withItems=items, **argument("{{item}}")), TAKES_X).groups[0][0].loop
    assert isinstance(loop.items, Literal)
    assert [item_name(index, item) for index, item in enumerate(expand_items(loop.items.text))] == names


def test_items_with_tags_keep_their_values_apart(first: First) -> None:
    items = ["{{inputs.parameters.a}}", "{{inputs.parameters.b-c}}/{{=1+1}}", 3, {"k": "{{= [1, 2] }}", "n": True}]
    loop = first(main(withItems=items, **argument("{{item}}")), TAKES_X).groups[0][0].loop
    scope = {"inputs.parameters.a": 'quote " and {{brace}}', "inputs.parameters.b-c": "[1]"}
    found = json.loads(resolve(loop.items, scope) or "")
    assert found == ['quote " and {{brace}}', "[1]/2", 3, {"k": "[1,2]", "n": True}]


def test_no_items_are_no_loop(first: First) -> None:
    assert first(main(withItems=[], **argument("1")), TAKES_X).groups[0][0].loop is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2]", Literal("[1, 2]")),
        ("{{inputs.parameters.a}}", Ref("inputs.parameters.a")),
        ('["{{inputs.parameters.a}}"]', Text('["{{inputs.parameters.a}}"]')),
        ("{{=toJson([1])}}", Expr("toJson([1])")),
    ],
)
def test_a_list_in_a_parameter(first: First, text: str, value: Value) -> None:
    loop = first(main(withParam=text, **argument("{{item}}")), TAKES_X).groups[0][0].loop
    assert loop.items == value


def test_a_sequence(first: First) -> None:
    given = {"start": "{{inputs.parameters.b-c}}", "end": 5, "format": "%02d"}
    loop = first(main(withSequence=given, **argument("{{item}}")), TAKES_X).groups[0][0].loop
    assert loop.items == Sequence(None, Ref("inputs.parameters.b-c"), Literal("5"), Literal("%02d"))
    counted = first(main(withSequence={"count": "3"}, **argument("{{item}}")), TAKES_X).groups[0][0].loop
    assert counted.items == Sequence(Literal("3"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{inputs.parameters.a}} == q", Text("{{inputs.parameters.a}} == q")),
        ("{{=inputs.parameters.a == 'q'}}", Expr("inputs.parameters.a == 'q'")),
        ("'a' == 'b'", Literal("'a' == 'b'")),
        ("", None),
    ],
)
def test_a_condition(first: First, text: str, value: Value | None) -> None:
    assert first(main(when=text, **argument("1")), TAKES_X).groups[0][0].when == value
