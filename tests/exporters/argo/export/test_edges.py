"""What Argo makes of a manifest where a run here would not notice: names, limits, and when tags are replaced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dflow import Step
from dflow.compile import compile_workflow
from dflow.engine.model import Retry
from dflow.engine.reuse import Reused
from dflow.exporters.argo.export import Options, export
from dflow.exporters.argo.export.context import Context
from dflow.exporters.argo.export.retries import retry_of
from dflow.exporters.argo.export.trees import files_of, tree_digest
from dflow.exporters.argo.lint import lint
from dflow.python import PythonOPTemplate
from odd_workflows import flow, long_names, mk, numbers, say, sl, upper_case_names
from workflows import shell

ODD_CONSTANT = "a {{tag}} }}"


def _templates(workflow, **options):
    made = export(compile_workflow(workflow), Options(**options))
    return made, {template["name"]: template for template in made.manifest["spec"]["templates"]}


def _calls(templates):
    for template in templates.values():
        yield from (call for group in template.get("steps", ()) for call in group)
        yield from template.get("dag", {}).get("tasks", ())


def _given(call, name):
    return {p["name"]: p["value"] for p in call["arguments"]["parameters"]}[name]


def test_a_constant_with_braces_waits_for_the_item_of_a_loop():
    """TG-04: in a copy all tags must be known, so the braces may come together in that pass only."""
    plain = Step("plain", PythonOPTemplate(say), parameters={"text": [ODD_CONSTANT]}, with_param=[1])
    alone = Step("alone", PythonOPTemplate(say), parameters={"text": [ODD_CONSTANT]})
    _, templates = _templates(flow(plain, alone))
    texts = {call["name"]: _given(call, "text") for call in _calls(templates)}
    assert texts["plain"].startswith("{{=item == nil ? '' : ")
    assert "item" not in texts["alone"]
    assert all("{{tag" not in text for text in texts.values())


def test_so_does_one_of_slices():
    each = Step("each", sl(mk, ["x"], [], ["y"]), parameters={"x": [1, 2]})
    noted = Step(
        "noted",
        PythonOPTemplate(say, slices=sl(mk).slices),
        parameters={"text": [ODD_CONSTANT]},
        with_param=[1],
        continue_on_num_success=1,
    )
    _, templates = _templates(flow(each, noted))
    found = [
        _given(c, "text") for c in _calls(templates) if "text" in str(c.get("arguments", "")) and c["name"] == "noted"
    ]
    assert any(re.match(r"\{\{=item(\.order)? == nil", text) for text in found), found


def test_no_pod_gets_a_time_limit_of_zero():
    """A cluster refuses it; without a limit of its own a template has the longest that there is."""
    template = shell("work")
    workflow = flow(
        Step("short", template, parameters={"text": "a"}, timeout=5), Step("any", template, parameters={"text": "b"})
    )
    _, templates = _templates(workflow)
    defaults = {p["name"]: p.get("value") for p in templates["work"]["inputs"]["parameters"]}
    assert int(defaults["dflow_timeout"]) == 2**31 - 1


@pytest.mark.parametrize("build", [long_names, upper_case_names])
def test_names_that_are_made_here_fit(build):
    made, templates = _templates(build())
    assert [name for name in templates if re.search(r"-[0-9a-f]{10}\Z", name)]
    assert all(len(name) <= 63 for name in templates if re.search(r"-[0-9a-f]{10}\Z", name))
    assert [str(finding) for finding in lint(made.manifest) if finding.severity.name == "ERROR"] == []


def test_the_names_of_caches_are_those_of_objects_and_differ():
    steps = [
        Step(f"s{at}", shell(name, memoize_key="k"), parameters={"text": "a"})
        for at, name in enumerate(["memo", "m" * 57, "m" * 56 + "n"])
    ]
    _, templates = _templates(flow(*steps))
    names = [t["memoize"]["cache"]["configMap"]["name"] for t in templates.values() if "memoize" in t]
    assert len(set(names)) == 3
    assert all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) and len(name) <= 63 for name in names)


def test_a_step_without_a_key_takes_nothing_out_of_a_cache_of_another():
    template = PythonOPTemplate(say)
    workflow = flow(
        Step("keyed", template, parameters={"text": "a"}, key="the-key"),
        Step("other", template, parameters={"text": "b"}),
    )
    reused = (Reused(key="the-key", parameters={"text": "a"}, artifacts={}),)
    made, templates = _templates(workflow, reused=reused)
    kept = next(t for t in templates.values() if "memoize" in t)
    given = {p["name"]: p.get("value") for p in kept["inputs"]["parameters"]}
    assert given["dflow_key"] == ""
    assert given["dflow_node"] == "{{workflow.uid}}/{{node.name}}"
    assert "inputs.parameters.dflow_key == '' ? inputs.parameters.dflow_node" in kept["memoize"]["key"]
    cache = kept["memoize"]["cache"]["configMap"]["name"].partition("{{")[0]
    assert made.documents[0]["metadata"]["name"].startswith(cache)


def test_another_program_has_other_caches():
    def caches(text):
        step = Step("keyed", PythonOPTemplate(say), parameters={"text": text}, key="k")
        made, _ = _templates(flow(step), reused=(Reused(key="k", parameters={"text": "a"}, artifacts={}),))
        return [document["metadata"]["name"] for document in made.documents]

    assert caches("a") == caches("a")
    assert caches("a") != caches("b")


def test_the_condition_of_a_loop_looks_at_nothing_that_a_skipped_step_left_out():
    """WH-05: the user's own condition decides first, so ours must hold where the list does not exist."""
    made = Step("made", PythonOPTemplate(numbers), parameters={"n": 3}, when="1 == 2")
    each = Step("each", sl(mk, ["x"], [], ["y"]), parameters={"x": made.outputs.parameters["xs"]}, when="1 == 2")
    _, templates = _templates(flow(made, each))
    when = next(call["when"] for call in _calls(templates) if call["name"] == "each" and "when" in call)
    assert when.startswith("(1 == 2) && ({{=(steps?.made?.outputs?.parameters?.xs ?? '') == '' || ")


@pytest.mark.parametrize(
    ("on", "policy"),
    [
        (("failure",), "OnFailure"),
        (("failure", "transient"), "OnFailure"),
        (("error",), "OnError"),
        (("error", "failure"), "Always"),
    ],
)
def test_the_retry_policy_covers_what_is_wanted_and_no_more(on, policy):
    context = Context(compile_workflow(flow(Step("a", shell(), parameters={"text": "a"}))), Options())
    assert retry_of(Retry(on=on), context)["retryStrategy"]["retryPolicy"] == policy


def test_an_artifact_is_all_of_its_files_a_package_is_not(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "head").write_text("1")
    before = tree_digest(str(tmp_path)), tree_digest(str(tmp_path), package=True)
    (tmp_path / ".git" / "head").write_text("2")
    after = tree_digest(str(tmp_path)), tree_digest(str(tmp_path), package=True)
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_links_that_lead_back_are_passed_over(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / "a" / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "also").symlink_to(tmp_path / "a", target_is_directory=True)
    assert [Path(name).as_posix() for name, _ in files_of(str(tmp_path))] == ["a/x", "also/x"]
