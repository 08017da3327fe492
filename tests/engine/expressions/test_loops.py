"""Items of loops."""

from __future__ import annotations

import pytest
from dflow.engine import expressions
from dflow.engine.errors import ExpressionError


@pytest.mark.parametrize(
    ("spec", "items"),
    [
        ({"end": 2, "start": 1}, ["1", "2"]),
        ({"count": "2", "start": "3"}, ["3", "4"]),
        ({"count": 1, "format": "%+5d|"}, ["   +0|"]),
        ({"count": 1, "format": "%-4d|%%"}, ["0   |%"]),
        ({"start": 10, "end": 10, "format": "%#x %x"}, ["0xa %!x(MISSING)"]),
        ({"count": 1, "format": "x"}, ["x%!(EXTRA int=0)"]),
        ({"count": 1, "format": "%s"}, ["%!s(int=0)"]),
        ({"count": 1, "format": "%"}, ["%!(NOVERB)%!(EXTRA int=0)"]),
        ({"count": 1, "format": "a\\tb%d"}, ["a\tb0"]),
    ],
)
def test_sequence(spec: dict[str, str | int], items: list[str]) -> None:
    assert expressions.expand_sequence(spec) == items


@pytest.mark.parametrize(
    "spec",
    [{}, {"count": "1.5"}, {"end": 10**9}, {"count": 1, "format": 'a"%d'}, {"count": 1, "format": "%999999999d"}],
)
def test_wrong_sequence(spec: dict[str, str | int]) -> None:
    with pytest.raises(ExpressionError):
        expressions.expand_sequence(spec)


def test_numbers_of_a_json_text_stay_as_they_are_written() -> None:
    items = expressions.expand_items('[1.50, 1e3, {"a": [1.0], "b": null}]')
    assert [expressions.item_scope(item)["item"] for item in items] == ["1.50", "1e3", '{"a":[1.0],"b":null}']


def test_list_is_wanted() -> None:
    for text in ('{"a": 1}', "x", "", "3", "[1"):
        with pytest.raises(ExpressionError, match="withParam wants a JSON list"):
            expressions.expand_items(text)


def test_name_and_variables_of_an_item() -> None:
    item = {"b": 1, "a": ["x", {"k": True}]}
    assert expressions.item_name(2, item) == '(2:a:["x",{"k":true}],b:1)'
    assert expressions.item_scope(item) == {
        "item": '{"a":["x",{"k":true}],"b":1}',
        "item.a": '["x",{"k":true}]',
        "item.b": "1",
    }
    assert expressions.item_name(0, ["a", 1]) == "(0:[a 1])"
