"""docs/command-line.md names every verb and option, and no other, and shows what commands print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow
from dflow.cli.main import make_parser
from dflow.cli.parsing import options_of

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)([^`]*)` \|([^|]*(?:\\\|[^|]*)*?)(?<!\\)\|", re.MULTILINE)
PARSERS = make_parser().verbs
SHAPES = PAGE.partition("## JSON")[2].partition("\n## ")[0]


def documented() -> dict[str, set[str]]:
    """The options of each verb, as the tables have them."""
    found: dict[str, set[str]] = {}
    for verb, _, options in ROW.findall(PAGE.partition("## Exit statuses")[0]):
        found.setdefault(verb, set()).update(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", options))
    return found


def test_every_verb_is_in_a_table_below_its_group():
    assert set(documented()) == set(PARSERS)
    for group, verbs in make_parser().groups.items():
        section = PAGE.partition(f"\n## {group[0].upper()}{group[1:]}\n")[2].partition("\n## ")[0]
        assert {verb for verb, _, _ in ROW.findall(section)} == set(verbs), group


@pytest.mark.parametrize("verb", sorted(PARSERS))
def test_options_are_those_of_the_parser(verb):
    known = set(options_of(PARSERS[verb])) - {"-h", "--help"}
    assert documented()[verb] == known


def shape(start: str) -> set[str]:
    """The fields that the table of documents has for a verb."""
    row = next(line for line in SHAPES.splitlines() if line.startswith(f"| `{start}`"))
    return set(re.findall(r'"(\w+)"', row.partition("; `runner` is")[0]))


def test_documents_have_the_fields_that_the_page_names():
    wf = Workflow("w", id="shown")
    wf.add(Step("s", ShellOPTemplate("t", script="echo x"), key="s"))
    wf.submit()

    def fields(*words: str) -> set[str]:
        done = subprocess.run(
            [sys.executable, "-m", "dflow.cli", *words, "--json"], capture_output=True, text=True, check=False
        )
        data = json.loads(done.stdout)
        return set(data[0] if isinstance(data, list) else data)

    for verb, words in {
        "list": ["list"],
        "get": ["get", "shown"],
        "logs": ["logs", "shown", "s"],
        "explain": ["explain", "shown", "s"],
        "doctor": ["doctor", "shown"],
        "gc": ["gc", "--older", "1d"],
    }.items():
        assert fields(*words) == shape(verb), verb
    Path("x.txt").touch()
    assert fields("upload", "x.txt") == shape("upload")
    assert fields("terminate", "shown") == {"id", "verb", "status", "changed"} <= shape("suspend")
    assert fields("pack", "shown") == {"id", "verb", "status", "file"} <= shape("pack")
    assert fields("unpack", "shown.tar.gz", "-d", "there") == {"id", "verb", "status", "directory"} <= shape("pack")
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "get", "shown", "--resources", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    data = json.loads(done.stdout)
    assert set(data) | set(data["steps"][0]) | set(data["total"]) == shape("get --resources")
