"""Every rule: manifests that it refuses, and similar ones that it leaves alone.

The files in ``cases`` have, by rule, cases that are refused, that get a warning, that are accepted (without errors)
and that the rule does not mention (``quiet``). A case is a workflow with a template ``main``;
``_manifests`` has the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from dflow.exporters.argo.lint import Severity, lint

CASES = Path(__file__).parent / "cases"
TEMPLATES = [
    {"name": "leaf", "container": {"image": "a"}},
    {
        "name": "p",
        "container": {"image": "a"},
        "outputs": {
            "parameters": [{"name": "o", "valueFrom": {"path": "/o"}}],
            "artifacts": [{"name": "f", "path": "/f"}],
        },
    },
    {
        "name": "q",
        "container": {"image": "a"},
        "inputs": {"parameters": [{"name": "x"}], "artifacts": [{"name": "f", "path": "/f", "optional": True}]},
    },
    {"name": "g", "steps": [[{"name": "p", "template": "p"}]]},
]


def _manifests(case: dict[str, Any]) -> list[dict[str, Any]]:
    main = {"name": "main", **case.get("main", {"container": {"image": "a"}})}
    templates = [main, *TEMPLATES, *case.get("templates", [])]
    spec: dict[str, Any] = {"entrypoint": "main", "templates": templates, **case.get("spec", {})}
    spec = case.get("only", spec)
    kind = "CronWorkflow" if "cron" in case else "Workflow"
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "w"}, "spec": spec}
    if "cron" in case:
        document["spec"] = {"schedules": ["@daily"], "workflowSpec": spec, **case["cron"]}
    _grow(document, main, spec, case)
    document.update(case.get("document", {}))
    others = [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": other.get("kind", "WorkflowTemplate"),
            "metadata": {"name": other["name"]},
            "spec": {"templates": TEMPLATES, "entrypoint": other.get("entrypoint", "")},
        }
        for other in case.get("others", [])
    ]
    return [document, *others]


def _grow(document: dict[str, Any], main: dict[str, Any], spec: dict[str, Any], case: dict[str, Any]) -> None:
    many, long = case.get("many", {}), case.get("long", {})
    leaves = many.get("templates", 0) - len(spec.get("templates", []))
    spec.setdefault("templates", []).extend({"name": f"t{i}", "container": {"image": "a"}} for i in range(leaves))
    if "tasks" in many:
        del main["container"]
        main["dag"] = {"tasks": [{"name": f"t{i}", "template": "leaf"} for i in range(many["tasks"])]}
    if "parameters" in many:
        main["inputs"] = {"parameters": [{"name": f"p{i}", "value": ""} for i in range(many["parameters"])]}
    if "value" in long:
        main["inputs"] = {"parameters": [{"name": "p", "value": "x" * long["value"]}]}
    if "source" in long:
        main["container"] = {"image": "a", "args": ["x" * long["source"]]}
    if "annotation" in long:
        document["metadata"]["annotations"] = {"a": "x" * long["annotation"]}
    if not spec["templates"]:
        del spec["templates"]


def _rows() -> list[Any]:
    return [
        pytest.param(rule, verdict, case, id=f"{rule}-{verdict}-{index}")
        for path in sorted(CASES.glob("*.yaml"))
        for rule, verdicts in yaml.safe_load(path.read_text(encoding="utf-8")).items()
        for verdict, cases in verdicts.items()
        for index, case in enumerate(cases)
    ]


@pytest.mark.parametrize(("rule", "verdict", "case"), _rows())
def test_rule(rule: str, verdict: str, case: dict[str, Any]) -> None:
    findings = lint(_manifests(case))
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    shown = "\n".join(map(str, findings))
    match verdict:
        case "reject" if rule == "SPEC-04":
            assert any(finding.path.startswith("spec.templates[5]") for finding in errors), shown
        case "reject":
            assert rule in {finding.rule for finding in errors}, shown
        case "warn":
            assert rule in {finding.rule for finding in findings} - {finding.rule for finding in errors}, shown
            assert not errors
        case "quiet":
            assert rule not in {finding.rule for finding in findings}, shown
            assert not errors
        case _:
            assert not errors, shown


def test_every_rule_has_cases_on_both_sides() -> None:
    both: dict[str, set[bool]] = {}
    for row in _rows():
        both.setdefault(row.values[0], set()).add(row.values[1] in {"reject", "warn"})
    assert {rule for rule, sides in both.items() if True not in sides} == {
        "CALL-03", "DOC-04", "IO-09", "VAR-13", "VAR-14",
    }  # fmt: skip
    assert {rule for rule, sides in both.items() if False not in sides} == {"IO-05", "SPEC-04"}
    assert len(both) == 99
