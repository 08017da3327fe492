"""Texts of values, and the way back."""

# ruff: noqa: UP007, UP045 - users write both forms

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Optional, Union

import pytest
from dflow.python.values import decode, encode
from hypothesis import given
from hypothesis import strategies as st

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ATOMS = st.none() | st.booleans() | st.integers() | FINITE | st.text()
JSON = st.recursive(ATOMS, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4), max_leaves=10)


@dataclasses.dataclass
class Cell:
    """An object of a user."""

    a: float


def same(left: Any, right: Any) -> bool:
    """Equal, and of the same types down to the leaves."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@pytest.mark.parametrize("kind", [Any, object, Union[int, str, list, dict, None]])
@given(value=JSON)
def test_json_values_come_back_where_any_type_may_stand(kind, value):
    if isinstance(value, str) or (kind not in (Any, object) and isinstance(value, (float, bool))):
        return
    assert same(decode(encode(value), kind), value)


@given(value=JSON)
def test_json_values_come_back_for_their_own_type(value):
    assert same(decode(encode(value), type(value)), value)


@given(st.text())
def test_text_is_its_own_text(text):
    assert encode(text) == text
    assert decode(text, str) == decode(text) == text


@given(st.dictionaries(st.integers() | st.booleans() | st.tuples(st.integers()), st.integers(), max_size=4))
def test_keys_that_are_no_texts_keep_their_type(value):
    assert same(decode(encode(value), dict), value)


@given(st.sets(st.integers()) | st.tuples(st.integers(), st.text()) | st.binary() | st.frozensets(st.text()))
def test_what_json_lacks_comes_back_too(value):
    assert same(decode(encode(value), type(value)), value)


@pytest.mark.parametrize("value", [Path("/tmp/x"), Cell(1.5), [Cell(1.0), (1, 2)], {"a": {1, 2}}, 2 + 3j])
def test_objects_come_back(value):
    assert decode(encode(value), type(value)) == value


@pytest.mark.parametrize("text", ["5", "null", "true", '"a"', "[1]", '{"a": 1}', "1e5", "NaN"])
@pytest.mark.parametrize("kind", [Any, Union[int, str], Optional[str], str | list | None])
def test_text_that_looks_like_json_is_its_own_text_for_every_type(text, kind):
    assert encode(text) == text


@pytest.mark.parametrize("text", ["5", "true", '"a"', "[1]", '{"a": 1}', "1e5", "NaN", "", "five"])
@pytest.mark.parametrize("kind", [Optional[str], str | None, "typing.Optional[str]", "str | None"])
def test_text_that_may_be_missing_is_read_as_it_stands(text, kind):
    assert decode(text, kind) == text
    assert decode(encode(None), kind) is None


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("5", Union[int, str], 5), ("[1]", Union[int, str], "[1]"), ("null", Union[int, str], None), ("1.5", Any, 1.5)],
)
def test_text_for_several_types_is_json_where_that_fits(text, kind, value):
    assert decode(text, kind) == value


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (3, int, "3"),
        (1.0, float, "1.0"),
        (1, float, "1"),
        (True, bool, "true"),
        (None, int | None, "null"),
        ("5", int | str, "5"),
        ("5", Any, "5"),
        (None, str, "null"),
        ("five", int | str, "five"),
        ({"é": "ü"}, dict, '{"\\u00e9": "\\u00fc"}'),
        ((1, "a"), tuple, '{"py/tuple": [1, "a"]}'),
        (b"ab", bytes, '{"py/b64": "YWI="}'),
    ],
)
def test_texts_are_those_of_upstream(value, kind, text):
    assert encode(value) == text


@pytest.mark.parametrize(
    ("text", "kind", "value"), [("5", Any, 5), ("abc", Any, "abc"), ("5", "int", 5), ("x", int, "x")]
)
def test_texts_of_programs_are_read_by_type(text, kind, value):
    assert decode(text, kind) == value


def test_what_cannot_be_written_is_named():
    class Locked:
        def __getstate__(self):
            raise RuntimeError("it is locked")

    with pytest.raises(TypeError, match=r"Locked object .* cannot be written as a parameter: it is locked"):
        encode(Locked())


def test_the_engine_knows_the_same_names_of_an_optional_text():
    """The runtime, which old interpreters import, has a list of its own."""
    from dflow.engine import texts
    from dflow.python import values

    assert texts.OPTIONAL_STR == values._OPTIONAL_STR
