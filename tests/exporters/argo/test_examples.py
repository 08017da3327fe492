"""The example manifests end here as they say that they end on a cluster.

``examples/README.md`` has the form of what they expect.
"""

from __future__ import annotations

import contextlib
import glob
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
from dflow.engine.runner import create_run, run
from dflow.engine.settings import RunSettings
from dflow.executors import make_executor
from dflow.exporters.argo.load import load_text

if TYPE_CHECKING:
    from dflow.engine.model import WorkflowGraph

EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.yaml"))
ATTEMPT = re.compile(r"(.*)\((\d+)\)")


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
        return sorted(node["phase"] for node in self.nodes.get(display, []))

    def outputs(self) -> dict[str, str]:
        """The output parameters of the entrypoint template, and the global ones."""
        given = [event for event in self.events if event.get("event") == "workflow"][-1]["outputs"]["parameters"]
        own = self.root.get("outputs", {}).get("parameters", {})
        if self.root.get("dir"):
            folder = RunLayout(self.layout.root).step(self.root["dir"]).output_parameters
            own = {path.name: {"value": path.read_text()} for path in folder.iterdir()} if folder.is_dir() else own
        return {**{name: row["value"] for name, row in own.items()}, **given}

    def log(self, display: str) -> str:
        """What the nodes of this name printed; of the attempts of a leaf step, what all of them did."""
        folders = [node["dir"] for node in self.nodes[self.attempts(display) or display] if node.get("dir")]
        places = [place for folder in folders for place in self.layout.root.glob(f"{glob.escape(folder)}*/log.txt")]
        return "\n".join(place.read_text() for place in places)

    def attempts(self, display: str) -> str | None:
        """Of a leaf step that was retried, whose attempts are one node here (ND-04): its name."""
        match = ATTEMPT.fullmatch(display)
        if match is None or display in self.nodes:
            return None
        nodes = self.nodes.get(match[1], [])
        return (
            match[1]
            if any(node["type"] == "Pod" and node.get("retries", 0) >= int(match[2]) for node in nodes)
            else None
        )


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
        single = ended.attempts(display)
        if single is not None:
            continue
        if isinstance(phases, str):
            assert set(ended.phases(display)) == {phases}, (display, found)
        else:
            assert ended.phases(display) == sorted(phases), (display, found)
    assert [display for display in example.absent if display in ended.nodes] == []
    outputs = ended.outputs()
    assert {key: plain(outputs.get(key)) for key in example.outputs} == {
        k: plain(v) for k, v in example.outputs.items()
    }
    for display, part in example.texts.items():
        assert part in ended.log(display), display
