"""Suggestions for names that are not known."""

from __future__ import annotations

import pytest
from dflow.engine.near import alike, near, near_aside, near_or_all


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("epoch", ["epochs", "lr"], ["epochs"]),
        ("LR", ["lr", "loss"], ["lr"]),
        ("zzz", ["epochs", "lr"], []),
        ("run-1", ["run-11", "run-12", "other"], ["run-11", "run-12"]),
        ("debug_workdirr", ["debug_workdir", "debug_pool_workers", "debug_artifact_dir"], ["debug_workdir"]),
        ("x", [], []),
        (3, ["33", 3], ["3"]),
    ],
)
def test_names_that_look_like_it(name, known, meant):
    assert sorted(alike(name, known)) == meant


def test_hints_are_the_end_or_the_middle_of_a_message():
    assert near("epoch", ["epochs"]) == "; did you mean 'epochs'?"
    assert near_aside("epoch", ["epochs"]) == " (did you mean 'epochs'?)"
    assert (near("x", ["abc"]), near_aside("x", ["abc"])) == ("", "")


def test_all_that_there_is_where_nothing_looks_like_it():
    assert near_or_all("epoch", ["epochs"]) == "; did you mean 'epochs'?"
    assert near_or_all("x", ["abc", "def"]) == "; it has 'abc', 'def'"
    assert near_or_all("x", []) == "; it has none"
    assert near_or_all("x", map(str, range(100, 200))).endswith("'111' …")


def test_among_very_many_only_those_of_the_same_beginning_are_looked_at():
    known = [f"steps.a{n}.outputs" for n in range(3000)] + ["inputs.lr"]
    assert alike("inputs.lrr", known) == ["inputs.lr"]
