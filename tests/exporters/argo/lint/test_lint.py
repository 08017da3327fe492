"""The linter as a whole."""

from __future__ import annotations

import copy
import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dflow.exporters.argo.lint import Finding, Severity, lint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from types import ModuleType

CONFORMANCE = Path(__file__).parents[3] / "conformance"


def _runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance_lint", CONFORMANCE / "lint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = _runner()
CASES = RUNNER.load(CONFORMANCE / "data" / "lint-cases.json")
REPORTED_AS = {"SPEC-04": "VAR-02"}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_verdict_is_the_one_that_is_wanted(case: dict[str, Any]) -> None:
    assert RUNNER.mismatch(case) is None
    if case["ours"] == "reject":
        rules = {finding.rule for finding in lint(case["manifest"]) if finding.severity is Severity.ERROR}
        assert rules & {REPORTED_AS.get(rule, rule) for rule in case["rules"]}


def test_runner_counts_what_fails(tmp_path: Path) -> None:
    wrong = {**CASES[0], "ours": "reject"}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [CASES[0], wrong]}), encoding="utf-8")
    command = [sys.executable, str(CONFORMANCE / "lint.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "1 passed, 1 failed"


def _workflow(templates: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {"entrypoint": "main", "templates": templates, **spec},
    }


LEAF = {"name": "main", "container": {"image": "a"}}


def test_a_finding_is_frozen_and_says_everything_in_one_line() -> None:
    (finding,) = lint(_workflow([{"name": "main", "container": {}}]))
    assert finding == Finding(
        "TMPL-02", Severity.ERROR, "spec.templates[0].container", "no image; name the image in which it runs"
    )
    assert str(finding) == "error TMPL-02 spec.templates[0].container: no image; name the image in which it runs"
    with pytest.raises(FrozenInstanceError):
        finding.rule = "x"  # type: ignore[misc]


def test_an_unknown_field_names_the_similar_one() -> None:
    (finding,) = lint(_workflow([{**LEAF, "retryStrtegy": {}}]))
    assert (finding.rule, finding.path) == ("DOC-01", "spec.templates[0].retryStrtegy")
    assert "did you mean 'retryStrategy'?" in finding.message


def test_the_manifest_is_not_changed() -> None:
    manifest = _workflow(
        [{"name": "main", "inputs": {"parameters": [{"name": "x", "value": 1}]}, "container": {"image": 1}}]
    )
    before = copy.deepcopy(manifest)
    assert lint(manifest)
    assert manifest == before


def test_inline_templates_are_checked_and_see_what_their_step_sees() -> None:
    def step(text: str) -> list[Finding]:
        inline = {
            "container": {"image": "a", "args": [text]},
            "inputs": {"parameters": [{"name": "own", "value": "a"}]},
        }
        return lint(_workflow([{"name": "main", "steps": [[{"name": "a", "inline": inline, "withItems": ["b"]}]]}]))

    assert step("{{item}} {{inputs.parameters.own}}") == []
    (finding,) = step("{{inputs.parameters.other}}")
    assert finding.path == "spec.templates[0].steps[0][0].inline.container.args[0]"


def test_a_template_of_another_document_is_called_with_its_inputs() -> None:
    base = _workflow([{"name": "t", "container": {"image": "a"}, "inputs": {"parameters": [{"name": "x"}]}}])
    base.update(kind="WorkflowTemplate", metadata={"name": "base"})
    del base["spec"]["entrypoint"]
    call = {"name": "a", "templateRef": {"name": "base", "template": "t"}}
    (finding,) = lint([base, _workflow([{"name": "main", "steps": [[call]]}])])
    assert (finding.rule, finding.document) == ("IO-03", 1)
    call["arguments"] = {"parameters": [{"name": "x", "value": "1"}]}
    assert lint([base, _workflow([{"name": "main", "steps": [[call]]}])]) == []


def test_a_workflow_gives_the_arguments_of_the_template_it_refers_to() -> None:
    base = _workflow([{**LEAF, "inputs": {"parameters": [{"name": "x"}]}}])
    base.update(kind="WorkflowTemplate", metadata={"name": "base"})
    user = {**_workflow([]), "spec": {"workflowTemplateRef": {"name": "base"}}}
    assert [(finding.rule, finding.document) for finding in lint([base, user])] == [("IO-03", 0), ("IO-03", 1)]
    user["spec"]["arguments"] = {"parameters": [{"name": "x", "value": "1"}]}
    assert [finding.document for finding in lint([base, user])] == [0]


def test_configured_secrets_are_found() -> None:
    manifest = _workflow([{"name": "main", "container": {"image": "a", "args": ["--key=hunter2hunter2"]}}])
    assert lint(manifest) == []
    (finding,) = lint(manifest, secrets=["hunter2hunter2", ""])
    assert (finding.rule, finding.path) == ("X-17", "spec.templates[0].container.args[0]")
    assert "hunter2" not in finding.message


@pytest.mark.parametrize("document", [None, 1, "a", [], {}, {"kind": "Workflow"}, {"apiVersion": 1, "kind": []}])
def test_what_is_no_manifest_is_a_finding(document: object) -> None:
    assert lint([document])


def test_numbers_that_are_too_large_are_findings() -> None:
    huge = 10**5000
    template = {
        "name": "main",
        "container": {"image": "a"},
        "activeDeadlineSeconds": huge,
        "retryStrategy": {"limit": huge},
    }
    rules = [finding.rule for finding in lint(_workflow([template], priority=huge, arguments={"parameters": [
        {"name": "x", "value": huge}]}))]  # fmt: skip
    assert rules == ["DOC-02"] * 3
    cron = {"schedules": [f"*/{'9' * 5000} * * * *"], "workflowSpec": {"entrypoint": "main", "templates": [LEAF]}}
    manifest = {**_workflow([]), "kind": "CronWorkflow", "spec": cron}
    assert [finding.rule for finding in lint(manifest)] == ["SPEC-14"]


def test_templates_that_call_each_other_deeply_are_checked() -> None:
    rows = [{"name": f"t{i}", "steps": [[{"name": "a", "template": f"t{i + 1}"}]]} for i in range(198)]
    rows.append({"name": "t198", "container": {"image": "a", "args": ["{{inputs.parameters.x}}"]}})
    assert [finding.rule for finding in lint(_workflow(rows, entrypoint="t0"))] == ["VAR-02"]


def test_documents_that_are_nested_deeply_are_findings() -> None:
    template: dict[str, Any] = {"container": {"image": "a"}}
    for _ in range(400):
        template = {"steps": [[{"name": "a", "inline": template}]]}
    assert "DOC-01" in {finding.rule for finding in lint(_workflow([{"name": "main", **template}]))}
    plugin: dict[str, Any] = {}
    for _ in range(100_000):
        plugin = {"a": plugin}
    assert lint(_workflow([{"name": "main", "plugin": plugin}])) == []
    while plugin:
        plugin = plugin.pop("a")


def test_a_large_manifest_is_checked_quickly() -> None:
    rows: list[dict[str, Any]] = [
        {
            "name": f"t{i}",
            "inputs": {"parameters": [{"name": "x"}]},
            "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]},
            "script": {"image": "a", "source": "echo {{inputs.parameters.x}}\n" * 20},
        }
        for i in range(199)
    ]
    calls = [
        {
            "name": f"s{i}",
            "template": f"t{i}",
            "arguments": {
                "parameters": [{"name": "x", "value": f"{{{{steps.s{i - 1}.outputs.parameters.o}}}}" if i else "1"}]
            },
        }
        for i in range(199)
    ]
    manifest = _workflow([*rows, {"name": "main", "steps": [[call] for call in calls]}])
    took = []
    for _ in range(5):
        start = time.perf_counter()
        findings = lint(manifest)
        took.append(time.perf_counter() - start)
    assert {finding.rule for finding in findings} == {"X-20"}
    assert min(took) < 0.2


WORDS = [
    "main", "leaf", "{{item}}", "{{=1 +}}", "{{inputs.parameters.x}}", "{{", "a && ||", "10s", "{{a.{{b}}}}",
]  # fmt: skip
NAMES = [
    "apiVersion", "kind", "metadata", "spec", "templates", "name", "steps", "dag", "tasks", "container",
    "image", "args", "inputs", "outputs", "parameters", "artifacts", "value", "valueFrom", "withItems",
    "withSequence", "when", "hooks", "depends", "exit", "template", "templateRef", "inline", "arguments",
    "retryStrategy", "expression", "from", "path", "volumeMounts", "workflowSpec", "schedules",
    "workflowTemplateRef", "entrypoint", "onExit", "podGC", "labels",
]  # fmt: skip
FIELDS = st.sampled_from(NAMES) | st.text(max_size=4)
NUMBERS = st.none() | st.booleans() | st.integers() | st.floats()
JSON = st.recursive(
    NUMBERS | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=30,
)
KIND = st.sampled_from(["Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"])


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=KIND, spec=JSON, document=JSON)
def test_any_json_gives_findings_only(kind: str, spec: object, document: object) -> None:
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "w"}, "spec": spec}
    assert all(isinstance(finding, Finding) for finding in lint([manifest, document]))


PATHS = [case["manifest"] for case in CASES]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_of_a_manifest_gives_findings_only(data: st.DataObject) -> None:
    manifest = copy.deepcopy(data.draw(st.sampled_from(PATHS)))
    for _ in range(data.draw(st.integers(1, 3))):
        _change(manifest, data)
    assert all(isinstance(finding, Finding) for finding in lint(manifest))


def _change(value: Any, data: st.DataObject) -> None:
    """Puts something else at some place."""
    while isinstance(value, (dict, list)) and value:
        key = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
        if not isinstance(value[key], (dict, list)) or not value[key] or data.draw(st.integers(0, 4)) == 0:
            value[key] = data.draw(JSON)
            return
        value = value[key]
