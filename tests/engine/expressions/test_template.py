"""Tags in texts."""

from __future__ import annotations

import pytest
from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import ExprTag, Tag

SCOPE = {"inputs.parameters.a": "3", "inputs.parameters.q": 'say "hi"', "steps.n.outputs.parameters.p": None}


def test_parts_of_a_text() -> None:
    template = expressions.parse_text("x {{ inputs.parameters.a }} {{= 1 + b.c }}")
    assert template.parts == (
        "x ",
        Tag("inputs.parameters.a", 2, " inputs.parameters.a "),
        " ",
        ExprTag(expressions.parse(" 1 + b.c "), " 1 + b.c ", 28),
    )
    assert template.names() == {("inputs", "parameters", "a"), ("b", "c")}


def test_text_without_tags_stays_itself() -> None:
    text = "no tags } } { {"
    assert expressions.substitute(text, {}) is text


def test_values_are_not_escaped_unless_asked_for() -> None:
    assert expressions.substitute("{{inputs.parameters.q}}", SCOPE) == 'say "hi"'
    assert expressions.substitute("{{inputs.parameters.q}}", SCOPE, escape_json=True) == 'say \\"hi\\"'
    assert expressions.substitute("{{=[inputs.parameters.a]}}", SCOPE, escape_json=True) == '[\\"3\\"]'


def test_unknown_tags_stay_as_they_are_written() -> None:
    text = "{{ unknown.x }} {{=unknown.x}} {{=1 +}} {{}}"
    assert expressions.substitute(text, SCOPE) == text


def test_strict_name_must_be_known_and_the_error_names_a_near_one() -> None:
    with pytest.raises(ExpressionError, match=r"inputs\.parameters\.z.*did you mean 'inputs\.parameters\."):
        expressions.substitute("{{inputs.parameters.z}}", SCOPE, strict={"inputs"})
    assert expressions.substitute("{{other.z}}", SCOPE, strict={"inputs"}) == "{{other.z}}"


def test_strict_expression_must_have_a_value() -> None:
    for text in ("{{=1 +}}", "{{=inputs.parameters.z}}", "{{=asInt('x')}}", "{{=steps.n.outputs.parameters.p}}"):
        with pytest.raises(ExpressionError):
            expressions.substitute(text, SCOPE, strict={"inputs", "steps"})
    assert expressions.substitute("{{=other.z}}", SCOPE, strict={"inputs"}) == "{{=other.z}}"


@pytest.mark.parametrize("name", ["item.k", "retries", "lastRetry.exitCode", "workflow.status", "workflow.failures"])
def test_late_variables_wait_for_the_pass_that_knows_them(name: str) -> None:
    text = f"{{{{=sprig.int({name})}}}}"
    scope = {"workflow.name": "w"}
    assert expressions.substitute(text, scope, strict={"inputs", "workflow"}) == text
    assert expressions.substitute(text, {**scope, name: "2"}, strict={"workflow"}) == "2"
    with pytest.raises(ExpressionError):
        expressions.substitute(f"{{{{={name}}}}}", scope, complete=True)


def test_output_of_a_skipped_step_has_no_text() -> None:
    with pytest.raises(ExpressionError, match="skipped"):
        expressions.substitute("{{steps.n.outputs.parameters.p}}", SCOPE)
    assert expressions.substitute("{{=steps.n.outputs.parameters.p ?? 'd'}}", SCOPE) == "d"


def test_tag_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(ExpressionError) as caught:
        expressions.parse_text("ab {{c }")
    assert caught.value.position == 3


def test_nested_tags_take_two_passes() -> None:
    scope = {"n": "a", "p.a": "3"}
    once = expressions.substitute("{{p.{{n}}}}", scope)
    assert once == "{{p.a}}"
    assert expressions.substitute(once, scope) == "3"


def test_values_are_not_looked_at_for_tags() -> None:
    assert expressions.substitute("{{a}}", {"a": "{{b}}", "b": "1"}) == "{{b}}"
