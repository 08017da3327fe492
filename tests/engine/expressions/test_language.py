"""Expressions: what they parse to, what they give, what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from dflow.engine import expressions
from dflow.engine.errors import ExpressionError

SCOPE: dict[str, Any] = {
    "inputs.parameters.a": "3",
    "inputs.parameters.b": "hello",
    "item": "x",
    "steps.n.outputs.parameters.p": None,
    "steps.list": ["1", "2"],
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("$env['item']", "x"),
        ("'item' in $env", True),
        ("steps.n.outputs.parameters.p ?? 'd'", "d"),
        ("steps.list[1]", "2"),
        ("true || sprig.nope(1)", True),
        ("string(1000000.0)", "1e+06"),
        ("toJson([1e21, 1e-7, 0.1, 1e20])", "[1e+21,1e-7,0.1,100000000000000000000]"),
        ("toJSON({'a': [1, {}]})", '{\n  "a": [\n    1,\n    {}\n  ]\n}'),
        ("toJson('<a>&')", '"\\u003ca\\u003e\\u0026"'),
        ("9223372036854775807 + 1", -9223372036854775808),
        ("-7 % 3", -1),
        ("-2 ** 2", -4.0),
        ("inputs.parameters.b[1:3]", "el"),
        ("0x1F + 0b11 + 0o17 + 1_000", 1049),
        ("`a\\n`", "a\\n"),
        ("'\\u00e9' // comment", "é"),
        ("'a' not in ['b']", True),
        ("nil ?? nil ?? 3", 3),
        ("1 < 2 < 3", True),
        ("if false {1} else if true {2} else {3}", 2),
        ("let x = [1, 2]; x[0] + len(x)", 3),
        ("[1, 2, 3] | filter(# > 1) | map(# * 2)", [4, 6]),
        ("filter([{'a': 1}, {'a': 2}], .a > 1)", [{"a": 2}]),
        ("sortBy([{'a': 2}, {'a': 1}], .a)", [{"a": 1}, {"a": 2}]),
        ("groupBy([1, 2, 3], # % 2 == 0 ? 'e' : 'o')", {"o": [1, 3], "e": [2]}),
        ("reduce(1..4, #acc * # + #index, 1)", 47),
        ("[1] == [1.0]", True),
        ("toJson(inputs.parameters)", '{"a":"3","b":"hello"}'),
        ("duration('90m').Hours()", 1.5),
        ("(date('2023-08-14') + duration('24h')).Format('2006-01-02')", "2023-08-15"),
        ("jsonpath('[{\"a\": 1}, {\"a\": 2}]', '$[?(@.a > 1)].a')", [2.0]),
        ("sprig.sub(5, 2) + 1", 4),
        ("sprig.regexReplaceAll('a(x*)b', '-ab-axxb-', '${1}W')", "-W-xxW-"),
        ("sprig.date('2006-01-02', sprig.toDate('2006-01-02', '2020-02-03'))", "2020-02-03"),
        ("sprig.seq(3)", "1 2 3"),
        ("sprig.int('junk')", 0),
        ("'x' matches '[[:alpha:]]'", True),
        ("'ab\\n' matches 'b$'", False),
        ("sprig.regexReplaceAll('(?<x>b+)', 'abba', '[${x}]')", "a[bb]a"),
        ("'AB' matches '(?i)b' && 'a.b' matches '\\\\Q.\\\\E'", True),
    ],
)
def test_value(source: str, value: object) -> None:
    assert expressions.evaluate(source, SCOPE) == value


@pytest.mark.parametrize(
    "source",
    [
        "false && (1 + 'a' == 2)",
        "item == 1",
        "'a' in [1, 2]",
        "map([1, 2], # == 'a')",
        "{'a': 1}.b.c",
        "[1, 2][5]",
        "asInt(' 5 ')",
        "sprig.untilStep(0, sprig.add(1, 2), 1)",
        "sprig.div(1, 0)",
        "1 % 0",
        "'abc' matches '('",
        "'abc' matches '(?=a)'",
        "toJson(1 / 0)",
        "a ?? b + c",
        "let item = 1; item",
        "unknown",
        "#",
        "len()",
        "len(1)",
        "'a\nb'",
        "'\\q'",
        "9223372036854775808",
    ],
)
def test_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        expressions.evaluate(source, SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        "repeat('ab', 1000000)",
        "1..10000000",
        "sprig.untilStep(0, 10000000, 1)",
        "sprig.repeat(10000000, 'ab')",
        "map(1..10000, map(1..10000, #))",
        "(" * 5000,
        "(" * 300 + "1" + ")" * 300,
        "1 + " * 5000 + "1",
        "-" * 5000 + "1",
        "[" * 5000,
        "a" + ".b" * 5000,
        "let a = 'xxxxxxxxxx' * 1; " * 10 + "a",
        "".join(f"let v{i} = {f'v{i - 1} + v{i - 1}' if i else repr('x' * 100)}; " for i in range(60)) + "v59",
        "".join(f"let v{i} = {f'[v{i - 1}, v{i - 1}]' if i else '[1]'}; " for i in range(60)) + "toJson(v59)",
        "a" * 200_000,
    ],
)
def test_what_is_too_much_is_an_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        expressions.evaluate(source, {})


def test_error_points_at_the_place() -> None:
    with pytest.raises(ExpressionError, match=r"expected '\)'") as caught:
        expressions.parse("asInt(1 + 2 ]")
    assert caught.value.position == 12
    with pytest.raises(ExpressionError, match="did you mean 'inputs'") as caught:
        expressions.evaluate("1 + input.x", SCOPE)
    assert caught.value.position == 4


def test_long_sums_are_no_problem() -> None:
    assert expressions.evaluate(" + ".join(["1"] * 300), {}) == 300


def test_longer_name_hides_its_prefix() -> None:
    scope = {"steps.a.outputs.parameters": "[]", "steps.a.outputs.parameters.p": "1"}
    assert expressions.evaluate("steps.a.outputs.parameters", scope) == {"p": "1"}
    assert expressions.substitute("{{steps.a.outputs.parameters}}", scope) == "[]"


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("steps['a-b'].outputs.parameters.p", {("steps", "a-b", "outputs", "parameters", "p")}),
        ("asInt(inputs.parameters.a) + sprig.int(item)", {("inputs", "parameters", "a"), ("item",)}),
        ("let x = a.b; map(c, # + x)", {("a", "b"), ("c",)}),
        ("a[b.c].d", {("a",), ("b", "c")}),
        ("a?.b?.c ?? $env.d", {("a", "b", "c"), ("d",)}),
        ("{'a': 'b'}.c", set()),
    ],
)
def test_names(source: str, paths: set[tuple[str, ...]]) -> None:
    assert expressions.names(source) == paths
    assert expressions.names(expressions.parse(source)) == paths


def test_bool_is_wanted_from_hooks() -> None:
    assert expressions.evaluate_bool("item == 'x'", SCOPE) is True
    with pytest.raises(ExpressionError, match="string"):
        expressions.evaluate_bool("item", SCOPE)


def test_other_objects_pass_through() -> None:
    thing = object()
    assert expressions.evaluate("true ? a.b : nil", {"a.b": thing}) is thing
