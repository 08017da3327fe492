"""Small parts of the linter, each with what it can read."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from dflow.engine import depends
from dflow.exporters.argo.lint import cron, durations, graphs
from dflow.exporters.argo.lint.compact import compact
from dflow.exporters.argo.lint.schema import KINDS


@pytest.mark.parametrize("text", ["0", "1s", "1h30m", "1.5h", "-2ms", "+.5s", "3µs", "{{x}}"])
def test_durations_of_go(text: str) -> None:
    assert durations.is_duration(text)


@pytest.mark.parametrize("text", ["", "1", "1d", "s", "1 s", "1h 2m", "1e3s", "\u0661s"])
def test_no_durations_of_go(text: str) -> None:
    assert not durations.is_duration(text)


@pytest.mark.parametrize(
    ("value", "wanted"), [(0, True), ("3", True), ("{{a}}", True), (-1, False), ("-1", False), ("٣", False)]
)
def test_counts(value: object, wanted: bool) -> None:
    assert durations.is_count(value) is wanted


@pytest.mark.parametrize(
    "text",
    ["* * * * *", "0 0 1 1 0", "*/15 0-5/2 1,15 JAN-DEC MON", "@hourly", "@every 90s", "CRON_TZ=UTC 0 0 ? * sat"],
)
def test_schedules(text: str) -> None:
    assert cron.schedule_problem(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TZ=UTC",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "5-1 * * * *",
        "*-5 * * * *",
        "a * * * *",
        "*/0 * * * *",
        ", * * * *",
        "@never",
        "@every",
        "@every 5",
        "@daily x",
    ],
)
def test_no_schedules(text: str) -> None:
    assert cron.schedule_problem(text)


def test_depends_names_tasks_and_results() -> None:
    read = depends.parse("(a-1.Succeeded||!b) && c_2.AllFailed")
    assert (read.tasks, read.problem) == ((("a-1", "Succeeded"), ("b", ""), ("c_2", "AllFailed")), "")
    assert depends.parse("") == depends.Depends(())


@pytest.mark.parametrize(
    "text", ["a b", "a &&", "&& a", "()", "(a", "a)", "!", "a !b", "a | b", "{{a}}", "a,b", "a.b.c d"]
)
def test_depends_that_cannot_be_read(text: str) -> None:
    assert depends.parse(text).problem


def test_a_circle_is_shown_with_its_names() -> None:
    circle = graphs.cycle({"z": [], "a": ["b", "z"], "b": ["c"], "c": ["a"]})
    assert circle[0] == circle[-1]
    assert set(circle) == {"a", "b", "c"}
    assert graphs.cycle({"a": ["b", "c"], "b": ["c"], "c": ["nowhere"]}) == []


def test_ancestors_are_found_over_several_tasks() -> None:
    waiting = {"d": ["c"], "c": ["b"], "b": ["a"], "a": [], "e": ["nowhere"]}
    assert graphs.ancestors(waiting)["d"] == {"a", "b", "c"}
    assert graphs.ancestors(waiting)["e"] == frozenset()
    assert graphs.in_order(waiting) == ["a", "b", "c", "d", "e"]


def test_the_schema_is_in_the_package_and_small() -> None:
    text = resources.files("dflow.exporters.argo.lint").joinpath("schema.json").read_text(encoding="utf-8")
    assert len(text) < 40_000
    assert tuple(json.loads(text)["kinds"]) == KINDS


def test_a_published_schema_is_made_compact() -> None:
    own = "io.argoproj.workflow.v1alpha1."
    spec = {"properties": {
        "parent": {"$ref": f"#/definitions/{own}Workflow", "description": "long"},
        "items": {"type": "array", "items": {"$ref": f"#/definitions/{own}Item"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "count": {"type": "integer", "format": "int32"},
    }, "required": ["count"]}  # fmt: skip
    kinds = {
        f"{own}{kind}": {"type": "object", "properties": {"spec": {"$ref": "#/definitions/Spec"}}} for kind in KINDS
    }
    made = compact({"definitions": {**kinds, f"{own}Item": {}, "Spec": spec, "Unused": {}}})
    assert made["kinds"] == {"ClusterWorkflowTemplate": 0, "Workflow": 2, "CronWorkflow": 3, "WorkflowTemplate": 4}
    assert made["definitions"][0] == {"f": {"spec": "1"}}
    assert made["definitions"][1] == {"f": {"count": "i", "items": "[*", "labels": "{s", "parent": "2"}, "r": ["count"]}
    assert len(made["definitions"]) == 5
