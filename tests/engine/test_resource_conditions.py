"""Conditions of resource templates, and the fields of objects that are their outputs."""

from __future__ import annotations

import json

import pytest
from dflow.engine.errors import ExpressionError, LeafError
from dflow.engine.resource_conditions import field_of, requirements, verdict

JOB = {
    "kind": "Job",
    "status": {
        "phase": "Ready",
        "succeeded": 3,
        "ratio": 0.5,
        "done": True,
        "reason": None,
        "conditions": [{"type": "Complete"}, {"type": "Other"}],
        "big": 12345678901234567890,
    },
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("status.phase == Ready", True),
        ("status.phase=Ready", True),
        ("status.phase == Done", False),
        ("status.phase != Done", True),
        ("status.phase in (Done, Ready)", True),
        ("status.phase notin (Done,Ready)", False),
        ("status.succeeded > 2", True),
        ("status.succeeded > 3", False),
        ("status.succeeded < 4", True),
        ("status.succeeded == 3", True),
        ("status.ratio == 0.5", True),
        ("status.ratio > 0", False),  # no integer
        ("status.done == true", True),
        ("status.reason ==", True),  # null is an empty text
        ("status.big == 12345678901234567890", True),
        ("status.conditions.0.type == Complete", True),
        ("status.conditions.1.type == Complete", False),
        ("status.conditions.2.type == Complete", False),
        ("status.phase", True),
        ("!status.phase", False),
        ("status.nothing", False),
        ("!status.nothing", True),
        ("status.nothing != x", True),
        ("status.nothing notin (x)", True),
        ("status.nothing == x", False),
        ("status.nothing > 0", False),
        ("status.succeeded > 0, status.phase in (A, Ready), !status.failed", True),
        ("status.succeeded > 0, status.phase == A", False),
    ],
)
def test_a_success_condition_holds_when_all_requirements_do(condition, holds):
    found = verdict(json.dumps(JOB), requirements(condition), ())
    assert found == ((True, condition) if holds else None)


def test_one_requirement_of_a_failure_condition_is_enough_and_goes_first():
    success, failure = requirements("status.phase == Ready"), requirements("status.failed > 3, status.succeeded > 1")
    assert verdict(json.dumps(JOB), success, failure) == (False, "status.succeeded > 1")
    assert verdict('{"status": {"failed": 4}}', success, failure) == (False, "status.failed > 3")
    assert verdict('{"status": {"failed": 3}}', success, failure) is None


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("status.phase == Ready && status.done == true", "a comma between requirements means and"),
        ("status.phase == 'Ready'", "without quotes"),
        ("status.phase ==", None),
        ("status.succeeded > many", "'many' is no integer"),
        ("status phase == Ready", "is no requirement such as"),
        ("!status.phase == Ready", "is no requirement such as"),
        ("status.phase == Ready,", "'' is no requirement"),
        ("status.phase ~ Ready", "is no requirement such as"),
        (f"a == {'x' * 64}", "at most 63"),
    ],
)
def test_what_is_no_condition_is_said(condition, text):
    if text is None:
        assert requirements(condition)
        return
    with pytest.raises(ExpressionError, match=text):
        requirements(condition)


def test_no_condition_has_no_requirements():
    assert requirements("") == requirements("  ") == ()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("jsonPath={.status.phase}", "Ready"),
        ("jsonPath=.status.phase", "Ready"),
        ("jsonPath={$.status.phase}", "Ready"),
        ("jsonPath={.status.succeeded}", "3"),
        ("jsonPath={.status.done}", "true"),
        ("jsonPath={.status.conditions[1].type}", "Other"),
        ("jsonPath={.status.conditions[*].type}", "Complete Other"),
        ("jsonPath={.status.conditions[0]}", '{"type":"Complete"}'),
        ("jsonPath={.status.nothing}", None),
    ],
)
def test_fields_of_an_object(query, text):
    assert field_of(json.dumps(JOB), query) == text


@pytest.mark.parametrize("query", ["jqFilter=.status", "jsonPath={.a}-{.b}", "jsonPath={range .a}{.b}{end}"])
def test_a_field_that_cannot_be_asked_for_is_said(query):
    with pytest.raises(LeafError, match="use a jsonPath of one field"):
        field_of("{}", query)
