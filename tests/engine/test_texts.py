"""Texts of parameters as values."""

from __future__ import annotations

import pytest
from dflow.engine.texts import depth_of_lists, list_of_texts, mismatch, value_of


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5", None, "5"),
        ("5", "str", "5"),
        ("5", "int", 5),
        ("5", "typing.Optional[str]", "5"),
        ("null", "typing.Optional[str]", None),
        ("null", "typing.Optional[int]", None),
        ("x", "typing.Any", "x"),
    ],
)
def test_the_declared_type_says_what_a_text_means(text, kind, value):
    assert value_of(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("5", "int"),
        (" -3 ", "int"),
        ("1e3", "float"),
        (".5", "float"),
        ("3", "float"),
        ("true", "bool"),
        ("False", "bool"),
        ("[1]", "list"),
        ("[1]", "typing.List[int]"),
        ('{"a": 1}', "dict"),
        ('{"a": 1}', "typing.Dict[str, int]"),
        ("anything", "str"),
        ("anything", None),
        ("anything", "pathlib.Path"),
        ("anything", "typing.Optional[int]"),
    ],
)
def test_texts_that_are_of_their_type(text, kind):
    assert mismatch(text, kind) is None


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("5.0", "int", "an integer"),
        ("", "int", "an integer"),
        ("x", "float", "a number"),
        ("1", "bool", "true or false"),
        ("1", "list", "a list as JSON"),
        ("a b", "typing.List[str]", "a list as JSON"),
        ("[1]", "dict", "a dict as JSON"),
    ],
)
def test_texts_that_are_not(text, kind, wanted):
    assert mismatch(text, kind) == wanted


def test_the_depth_of_lists_in_a_type():
    kinds = (None, "int", "list", "typing.List[int]", "list[typing.List[str]]", "typing.Dict[str, typing.List[int]]")
    assert [depth_of_lists(kind) for kind in kinds] == [0, 0, 1, 1, 2, 0]


def test_texts_that_are_all_json_are_a_list_of_values():
    assert list_of_texts(["[1]", '{"a": 2}']) == '[[1], {"a": 2}]'
    assert list_of_texts(["[1]", "x"]) == '["[1]", "x"]'
    assert list_of_texts(["[1", "{"]) == '["[1", "{"]'
