"""What holds for all texts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.expressions.signatures import SIGNATURES
from dflow.engine.expressions.sprig import FUNCTIONS
from hypothesis import example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPE = {"inputs.parameters.a": "3", "steps.a-b.outputs.result": "[1]", "item": "x", "steps.n.id": None}
OPERATORS = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "<",
    "<=",
    "&&",
    "||",
    "??",
    "in",
    "not in",
    "contains",
    "matches",
    "..",
]
WORDS = [
    *OPERATORS, *SIGNATURES, "nil", "true", "#",
    "(", ")", "[", "]", "{", "}", ",", ".", "?.", "?", ":", "|", "let x =", ";",
    "1", "2.5", "'a'", '"b\\n"', "inputs", "parameters", "steps['a-b']", "item", "map(", "filter(",
    "sprig.", "if", "else", "not",
]  # fmt: skip

leaves = st.sampled_from(
    ["nil", "true", "1", "2.5", "1e300", "'a'", "'x}}y'", "item", "inputs.parameters.a", "a['b c']", "$env", "[]"]
)


def _map_literal(items: list[str]) -> str:
    return "{" + ", ".join(f"k{index}: {item}" for index, item in enumerate(items)) + "}"


def _call(parts: tuple[str, list[str]]) -> str:
    return f"{parts[0]}({', '.join(parts[1])})"


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, st.sampled_from(OPERATORS), part).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        st.tuples(part, st.sampled_from(OPERATORS), part).map(lambda t: f"{t[0]} {t[1]} {t[2]}"),
        st.tuples(st.sampled_from(["!", "-", "not "]), part).map("".join),
        st.tuples(part, part, part).map(lambda t: f"{t[0]} ? {t[1]} : {t[2]}"),
        st.tuples(part, part, part).map(lambda t: f"if {t[0]} {{ {t[1]} }} else {{ {t[2]} }}"),
        st.tuples(part, part).map(lambda t: f"({t[0]} ?: {t[1]})"),
        st.tuples(part, part).map(lambda t: f"let v = {t[0]}; v ?? ({t[1]})"),
        st.tuples(part, part).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(part, part).map(lambda t: f"({t[0]})?.x.y[({t[1]}):]"),
        st.tuples(part, part).map(lambda t: f"map({t[0]}, {{ {t[1]} == # }})"),
        st.tuples(part, part).map(lambda t: f"({t[0]}; {t[1]})"),
        st.lists(part, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(part, max_size=3).map(_map_literal),
        part.map(lambda text: f"toJson({text})"),
        part.map(lambda text: f"sprig.default({text}, 1).z"),
        st.tuples(st.sampled_from(sorted(SIGNATURES)), st.lists(part, max_size=3)).map(_call),
        st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.lists(part, max_size=3)).map(
            lambda t: f"sprig.{t[0]}({', '.join(t[1])})"
        ),
    )


sources = st.recursive(leaves, _larger, max_leaves=8)
jumbles = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
texts = st.one_of(st.text(max_size=60), jumbles, sources)


def only_expression_errors(call: Callable[[], object]) -> None:
    with contextlib.suppress(ExpressionError):
        call()


@given(st.one_of(sources, jumbles))
@settings(max_examples=400, deadline=None)
def test_written_expression_parses_to_the_same_tree(source: str) -> None:
    try:
        tree = expressions.parse(source)
    except ExpressionError:
        return
    written = expressions.unparse(tree)
    assert expressions.parse(written) == tree
    assert repr(expressions.parse(written)) == repr(tree)
    assert "}}" not in written
    expressions.names(tree)


@given(texts)
@settings(max_examples=600, deadline=None)
@example("'\udcff' | toBase64()")
@example("fromJSON('1e999')")
@example("date('0001-01-01') - duration('1h')")
@example("sprig.round(1.5, 400)")
@example("2.0 ** 5000")
def test_expressions_raise_nothing_but_expression_errors(source: str) -> None:
    only_expression_errors(lambda: expressions.to_text(expressions.evaluate(source, SCOPE)))


@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(st.sampled_from(["1", "a", "'b'", "(", ")", ",", "in", "==", "&&", "!", "-", "?", ":", "=~"])).map(
            " ".join
        ),
    )
)
@settings(max_examples=400, deadline=None)
def test_conditions_raise_nothing_but_expression_errors(text: str) -> None:
    only_expression_errors(lambda: expressions.evaluate_when(text))


@given(st.lists(st.one_of(st.sampled_from(["{{", "}}", "{{=", "item", " ", "{", "}"]), texts), max_size=8).map("".join))
@settings(max_examples=400, deadline=None)
def test_substitution_raises_nothing_but_expression_errors(text: str) -> None:
    only_expression_errors(lambda: expressions.substitute(text, SCOPE))
    only_expression_errors(lambda: expressions.substitute(text, SCOPE, strict={"steps"}))
    only_expression_errors(lambda: expressions.substitute(text, SCOPE, complete=True, escape_json=True))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(), part, max_size=3),
    max_leaves=6,
)


@given(json_values)
@settings(deadline=None)
def test_text_of_a_value_is_its_json(value: object) -> None:
    import json

    if not isinstance(value, str):
        assert json.loads(expressions.to_text(value)) == value
    scope = expressions.item_scope(value)
    assert scope["item"] == value if isinstance(value, str) else json.loads(scope["item"]) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_being_written(value: float) -> None:
    from dflow.engine.expressions import gotext

    assert float(gotext.go_float(value)) == value
    assert float(gotext.json_float(value)) == value
