"""The example manifests say what they show, and have no errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from dflow.exporters.argo.lint import Severity, lint_text

EXAMPLES = sorted(Path(__file__).parent.glob("*.yaml"))
PHASES = {"Succeeded", "Failed", "Error", "Skipped", "Omitted"}


def header(path: Path) -> dict[str, object]:
    """The comment block that a manifest begins with."""
    block: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        block.append(line.removeprefix("#").removeprefix(" "))
    fields = yaml.safe_load("\n".join(block))
    assert isinstance(fields, dict)
    return fields


def test_there_are_many_examples() -> None:
    assert len(EXAMPLES) >= 64


def test_each_example_shows_something_else() -> None:
    assert len({header(path)["what"] for path in EXAMPLES}) == len(EXAMPLES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_header_says_what_is_shown_and_expected(path: Path) -> None:
    fields = header(path)
    assert {"what", "rules", "expect"} <= set(fields) <= {"what", "rules", "arguments", "expect"}
    assert all(re.fullmatch(r"[A-Z]{2}-\d\d", rule) for rule in str(fields["rules"]).split())
    assert all(re.match(r"[-\w]+=", pair) for pair in str(fields.get("arguments", "")).split())
    expect = fields["expect"]
    assert isinstance(expect, dict)
    assert {"phase", "nodes"} <= set(expect) <= {"phase", "nodes", "absent", "outputs", "texts"}
    assert expect["phase"] in {"Succeeded", "Failed", "Error"}
    for phases in expect["nodes"].values():
        assert set([phases] if isinstance(phases, str) else phases) <= PHASES
    assert not set(expect["nodes"]) & set(expect.get("absent", []))
    assert set(expect.get("texts", {})) <= set(expect["nodes"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_no_errors(path: Path) -> None:
    found = lint_text(path.read_text(encoding="utf-8"))
    assert [str(finding) for finding in found if finding.severity is Severity.ERROR] == []
