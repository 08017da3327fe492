"""The example manifests end here as they say that they end on a cluster.

``examples/README.md`` has the form of what they expect.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
import pytest
import yaml
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout
from dflow.engine.node import LEAF_TYPES
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings
from dflow.executors import make_executor
from dflow.exporters.argo.load import load_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.engine.model import WorkflowGraph

pytestmark = pytest.mark.roundtrip

EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.yaml"))
ATTEMPT = re.compile(r"(.*)\((\d+)\)")
FAILED_SOMEHOW = "Failed or Error"


@dataclass
class Example:
    """The comment block of an example."""

    arguments: dict[str, str]
    phase: str
    nodes: dict[str, str | list[str]]
    absent: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def expected(text: str, name: str) -> Example:
    """What an example says of itself; ``name`` is that of the workflow."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[2:])
    block: dict[str, Any] = yaml.safe_load("\n".join(lines).replace("{{workflow.name}}", name))
    arguments = dict(pair.split("=", 1) for pair in str(block.get("arguments") or "").split())
    return Example(arguments, **block["expect"])


class Ended:
    """A run of an example that has ended."""

    def __init__(self, graph: WorkflowGraph, folder: Path, name: str) -> None:
        settings = RunSettings(library=str(Path(dflow.__file__).parent), kill_grace=0.3)
        self.graph = graph
        self.layout = create_run(folder / name, graph, settings)
        self.phase = run(self.layout, make_executor).phase.value
        self.events = list(read_events(self.layout.journal))
        nodes = {event["name"]: event for event in self.events if event.get("event") == "node"}
        self.nodes: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for node in nodes.values():
            self.nodes[name + ".onExit" if node["displayName"] == "onExit" else node["displayName"]].append(node)
        self.root = nodes[name]

    def phases(self, display: str) -> list[str]:
        """The phases of the nodes of this name; an earlier attempt of a leaf step has failed in some way."""
        node = self.attempted(display)
        if node is None:
            return sorted(node["phase"] for node in self.nodes.get(display, []))
        return [node["phase"]] if number_of(display) == node.get("retries", 0) else [FAILED_SOMEHOW]

    def outputs(self) -> dict[str, str]:
        """The output parameters of the entrypoint template, and the global ones."""
        given = [event for event in self.events if event.get("event") == "workflow"][-1]["outputs"]["parameters"]
        own = self.root.get("outputs", {}).get("parameters", {})
        if self.root.get("dir"):
            folder = RunLayout(self.layout.root).step(self.root["dir"]).output_parameters
            own = {path.name: {"value": path.read_text()} for path in folder.iterdir()} if folder.is_dir() else own
        return {**{name: row["value"] for name, row in own.items()}, **given}

    def log(self, display: str) -> str:
        """What the nodes of this name printed."""
        node = self.attempted(display)
        if node is None:
            places = [self.layout.root / one["dir"] for one in self.nodes[display] if one.get("dir")]
        else:  # the last attempt is at the plain name
            is_last = number_of(display) == node.get("retries", 0)
            places = [self.layout.root / (node["dir"] + ("" if is_last else f".bk{number_of(display) + 1}"))]
        return "\n".join((place / "log.txt").read_text() for place in places)

    def attempted(self, display: str) -> dict[str, Any] | None:
        """The node whose attempt that is: those of a leaf step are one node here (ND-04); None for other names."""
        match = ATTEMPT.fullmatch(display)
        if match is None or display in self.nodes:
            return None
        templates = {template.name: template for template in self.graph.templates}
        for node in self.nodes.get(match[1], []):
            pod = getattr(templates.get(node["template"]), "pod", None)
            has_attempts = node["type"] in LEAF_TYPES and pod is not None and pod.retry is not None
            if has_attempts and int(match[2]) <= node.get("retries", 0):
                return node
        return None

    def last_attempts(self, named: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Of each leaf step whose attempts are named: the last that is named, and the last there was."""
        found: dict[str, tuple[int, int]] = {}
        for display in named:
            match, node = ATTEMPT.fullmatch(display), self.attempted(display)
            if match is not None and node is not None:
                before = found.get(match[1], (0, 0))[0]
                found[match[1]] = (max(before, int(match[2])), node.get("retries", 0))
        return found


def number_of(display: str) -> int:
    """The number of an attempt."""
    return int(display.rpartition("(")[2].rstrip(")"))


def fits(found: list[str], wanted: str | list[str]) -> bool:
    """Whether nodes of one name ended as they should."""
    if found == [FAILED_SOMEHOW]:
        return wanted in ("Failed", "Error")
    return set(found) == {wanted} if isinstance(wanted, str) else found == sorted(wanted)


def plain(text: str | None) -> Any:
    """A text; of a JSON list or map what is in it, since blanks in it do not matter."""
    if text is not None and text[:1] in {"[", "{"}:
        with contextlib.suppress(ValueError):
            return json.loads(text)
    return text


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 64


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_ends_as_on_a_cluster(path: Path, tmp_path: Path) -> None:
    text, name = path.read_text(encoding="utf-8"), path.stem
    example = expected(text, name)
    ended = Ended(load_text(text, parameters=example.arguments).graph, tmp_path / "graphs" / "of-manifests", name)
    found = {display: ended.phases(display) for display in ended.nodes}
    assert ended.phase == example.phase, found
    for display, phases in example.nodes.items():
        assert fits(ended.phases(display), phases), (display, found)
    for display, (named, last) in ended.last_attempts(example.nodes).items():
        assert named == last, (display, found)
    assert [display for display in example.absent if ended.phases(display)] == []
    outputs = ended.outputs()
    assert {key: plain(outputs.get(key)) for key in example.outputs} == {
        k: plain(v) for k, v in example.outputs.items()
    }
    for display, part in example.texts.items():
        assert part in ended.log(display), display


RETRIED = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: retried-}
spec:
  entrypoint: main
  templates:
  - name: main
    steps: [[{name: a, template: a}, {name: b, template: b}]]
  - name: a
    retryStrategy: {limit: 3}
    script: {image: alpine, command: [sh], source: "echo try {{retries}}; test {{retries}} = 2"}
  - name: b
    script: {image: alpine, command: [sh], source: "true"}
"""


def test_each_attempt_is_seen_and_no_other(tmp_path: Path) -> None:
    ended = Ended(load_text(RETRIED).graph, tmp_path / "graphs" / "of-manifests", "retried")
    names = ["a", "a(0)", "a(1)", "a(2)", "a(3)", "b", "b(0)"]
    assert {name: ended.phases(name) for name in names} == {
        "a": ["Succeeded"],
        "a(0)": [FAILED_SOMEHOW],
        "a(1)": [FAILED_SOMEHOW],
        "a(2)": ["Succeeded"],
        "a(3)": [],
        "b": ["Succeeded"],
        "b(0)": [],
    }
    assert [ended.log(name) for name in names[1:4]] == ["try 0\n", "try 1\n", "try 2\n"]
    assert ended.last_attempts(["a(0)", "a(1)", "b"]) == {"a": (1, 2)}
    assert fits([FAILED_SOMEHOW], "Failed")
    assert not fits([FAILED_SOMEHOW], "Succeeded")
    assert not fits([], "Succeeded")
