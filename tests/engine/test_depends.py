"""The texts of ``depends``: what they name, what is wrong with them, and when they are true."""

from __future__ import annotations

import itertools

import pytest
from dflow.engine.depends import parse


@pytest.mark.parametrize(
    ("text", "tasks"),
    [
        ("a", [("a", "")]),
        ("a.Succeeded", [("a", "Succeeded")]),
        ("  a-1 &&b_2.Failed", [("a-1", ""), ("b_2", "Failed")]),
        ("!(a || b.Skipped) && a.AllFailed", [("a", ""), ("b", "Skipped"), ("a", "AllFailed")]),
        ("", []),
    ],
)
def test_the_tasks_are_read_in_order(text, tasks):
    read = parse(text)
    assert (list(read.tasks), read.problem) == (tasks, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b", "'b' cannot stand at this place"),
        ("a &&", "it ends where a task is expected"),
        ("&& a", "'&&' cannot stand at this place"),
        ("(a", "a ( without its )"),
        ("a)", "a ) without its ("),
        ("a & b", "'&' cannot stand in depends"),
        ("a ! b", "'!' cannot stand at this place"),
        ("()", "')' cannot stand at this place"),
    ],
)
def test_what_cannot_be_read_says_why_and_still_names_its_tasks(text, problem):
    read = parse(text)
    assert read.problem == problem
    assert all(name in "ab" for name, _ in read.tasks)


@pytest.mark.parametrize(
    "text",
    [
        "a || b && c",
        "(a || b) && c",
        "!a || b",
        "!(a || b)",
        "!!a && !b",
        "a && b || c && !a",
        "a && (b || !(c && a))",
        "((a))",
        "!a && !b && !c",
        "a || b || !c",
    ],
)
def test_operators_bind_as_in_other_languages(text):
    python = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ").strip()
    code = compile(python, "text", "eval")
    for truth in itertools.product([True, False], repeat=3):
        values = dict(zip("abc", truth, strict=True))
        expected = eval(code, {"__builtins__": {}}, values)  # noqa: S307 - the texts above, Python being the oracle
        assert parse(text).holds(lambda name, _, values=values: values[name]) is expected


def test_a_depends_nests_as_deep_as_anybody_writes():
    assert parse("!" * 5000 + "(" * 5000 + "a" + ")" * 5000).holds(lambda *_: True) is True
