"""Conditions of steps."""

from __future__ import annotations

import pytest
from dflow.engine import expressions
from dflow.engine.errors import ExpressionError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", True),
        ("((true))", True),
        ("[foo bar] == 'foo bar'", True),
        ("a\\-b == 'a-b'", True),
        ("0x10 == 16", True),
        ("2 ** 3 ** 2 == 64", True),
        ("10 - 2 - 3 == 5", True),
        ("-(1) < 0", True),
        ("false ? 'a' : true", True),
        ("'2020-01-01' == '2020-01-01 00:00:00'", True),
        ("foo in (foo, bar)", True),
        ("'x' + 1 == 'x1'", True),
        ("false && A.B", False),
        ("1 / 0 > 5", True),
        ("(5 & 3) == 1", True),
        ("é == 'é'", True),
    ],
)
def test_value(text: str, value: bool) -> None:
    assert expressions.evaluate_when(text) is value


@pytest.mark.parametrize(
    "text",
    [
        " ",
        "()",
        "1,2",
        "1==-1",
        "!!true",
        "'a",
        "foo()",
        "A.B == 1",
        "(true",
        "true)",
        "1 in (1)",
        "a =~ '('",
        "1.2.3 == 1",
    ],
)
def test_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        expressions.evaluate_when(text)


@pytest.mark.parametrize("text", ["(" * 5000, "true && " * 5000 + "true", "(" * 300 + "true" + ")" * 300])
def test_what_is_too_deep_is_an_error(text: str) -> None:
    with pytest.raises(ExpressionError):
        expressions.evaluate_when(text)
