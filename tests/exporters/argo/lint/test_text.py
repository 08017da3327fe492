"""Manifests as texts: YAML 1.1, lines, several documents."""

from __future__ import annotations

import json

import pytest
from dflow.exporters.argo.lint import Severity, lint_text

TEXT = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: w-
spec:
  entrypoint: main
  templates:
  - name: main
    container:
      image: a
      args:
      - "{{inputs.parameters.x}}"
"""


def test_a_finding_has_the_line_of_its_field() -> None:
    (finding,) = lint_text(TEXT)
    assert (finding.rule, finding.line, finding.path) == ("VAR-02", 12, "spec.templates[0].container.args[0]")
    assert "line 12" in str(finding)


def test_the_second_document_has_its_number_and_lines() -> None:
    (finding,) = lint_text(f"---\n---\n{TEXT.replace('{{inputs.parameters.x}}', 'x')}---\n{TEXT}")
    assert (finding.document, finding.line) == (1, 27)


def test_a_missing_field_has_the_line_of_what_should_have_it() -> None:
    findings = lint_text(TEXT.replace("      image: a\n", ""))
    assert [(finding.rule, finding.line) for finding in findings if finding.rule == "TMPL-02"] == [("TMPL-02", 9)]


@pytest.mark.parametrize("word", ["y", "n", "Yes", "NO", "on", "off", "true", "False"])
def test_plain_words_of_yaml_are_bools_and_no_texts(word: str) -> None:
    plain = lint_text(TEXT.replace('"{{inputs.parameters.x}}"', word))
    quoted = lint_text(TEXT.replace('"{{inputs.parameters.x}}"', f'"{word}"'))
    assert [(finding.rule, finding.line) for finding in plain] == [("DOC-02", 12)]
    assert quoted == []


@pytest.mark.parametrize("word", ["12", "0x1F", "0o17", "017", "0b11", "1_000", "1.5", "1e3", "-3", "~", "null"])
def test_plain_numbers_and_nulls_are_no_texts(word: str) -> None:
    assert {finding.line for finding in lint_text(TEXT.replace('"{{inputs.parameters.x}}"', word))} == {12}


@pytest.mark.parametrize("word", ["abc", "1a", "2024-01-01", "1.2.3", "yess", "0x", "!!str 1", "!!str yes", "!!str"])
def test_other_plain_words_are_texts(word: str) -> None:
    assert lint_text(TEXT.replace('"{{inputs.parameters.x}}"', word)) == []


def test_a_field_that_is_given_twice_is_an_error() -> None:
    findings = lint_text(TEXT.replace('"{{inputs.parameters.x}}"', "x") + "      image: b\n")
    assert [(finding.rule, finding.path) for finding in findings] == [("DOC-01", "spec.templates[0].container.image")]


def test_aliases_and_merges_are_followed() -> None:
    text = TEXT.replace('"{{inputs.parameters.x}}"', "x").replace("container:", "container: &c")
    text += "  - name: other\n    container:\n      <<: *c\n      imagePullPolicy: Always\n"
    assert lint_text(text) == []
    assert "did you mean" in lint_text(text.replace("imagePullPolicy", "imagePulPolicy"))[0].message


def test_json_is_read() -> None:
    assert lint_text(json.dumps({"apiVersion": "v1", "kind": "Secret"})) == []
    (finding,) = lint_text('{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflw"}')
    assert "did you mean 'Workflow'" in finding.message


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "? [a]\n: b", "&a [*a]", "%", "- a\n-", "\x00"])
def test_what_is_no_manifest_is_a_finding(text: str) -> None:
    findings = lint_text(text)
    assert findings
    assert findings[0].severity is Severity.ERROR


def test_aliases_that_grow_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    (finding,) = lint_text("\n".join(lines))
    assert "too large" in finding.message


def test_nothing_is_nothing() -> None:
    assert lint_text("") == []
    assert lint_text("---\n# only a comment\n") == []
