"""Manifests that are loaded and run, for what the examples beside do not show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
import pytest
from dflow.engine.journal import read_events
from dflow.engine.run_directory import create_run
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings
from dflow.executors import make_executor
from dflow.exporters.argo.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    Manifest = Callable[..., dict[str, Any]]

SAY = {
    "name": "say",
    "inputs": {"parameters": [{"name": "x"}]},
    "container": {"image": "a", "command": ["printf", "%s", "{{inputs.parameters.x}}"]},
}


class Ended:
    """What is left of a run: phases and messages by display name, and what was printed."""

    def __init__(self, given: dict[str, Any], folder: Path, **more: Any) -> None:
        settings = RunSettings(library=str(Path(dflow.__file__).parent), kill_grace=0.3)
        layout = create_run(folder / "graphs" / "of-manifests" / "wf", load(given, **more).graph, settings)
        self.phase = run(layout, make_executor).phase.value
        rows = {event["name"]: event for event in read_events(layout.journal) if event.get("event") == "node"}
        self.nodes = {row["displayName"]: row for row in rows.values()}
        self.logs = {
            name: (layout.root / row["dir"] / "log.txt").read_text()
            for name, row in self.nodes.items()
            if row.get("dir") and (layout.root / row["dir"] / "log.txt").exists()
        }


@pytest.fixture
def ended(manifest: Manifest, tmp_path: Path) -> Callable[..., Ended]:
    return lambda *templates, **spec: Ended(manifest(*templates, **spec), tmp_path)


def argument(value: str) -> dict[str, Any]:
    return {"parameters": [{"name": "x", "value": value}]}


def test_items_with_tags_are_what_their_values_are(ended: Callable[..., Ended]) -> None:
    hostile = 'it\'s "so" {{who}} \\ \n end'
    step = {
        "name": "s",
        "template": "say",
        "withItems": ["{{workflow.parameters.h}}", "b"],
        "arguments": argument("{{item}}"),
    }
    found = ended({"name": "main", "steps": [[step]]}, SAY, arguments={"parameters": [{"name": "h", "value": hostile}]})
    assert found.phase == "Succeeded"
    assert sorted(found.logs.values()) == sorted([hostile, "b"])


@pytest.mark.parametrize(("part", "phase"), [("in/a", "Succeeded"), ("../secret", "Error"), ("/etc/hostname", "Error")])
def test_a_value_names_a_part_inside_of_an_artifact_only(ended: Callable[..., Ended], part: str, phase: str) -> None:
    write = {
        "name": "write",
        "container": {"image": "a", "command": ["sh", "-c", "mkdir -p /tmp/d/in; echo yes > /tmp/d/in/a"]},
        "outputs": {"artifacts": [{"name": "d", "path": "/tmp/d", "archive": {"none": {}}}]},
    }
    read = {
        "name": "read",
        "container": {"image": "a", "command": ["cat", "/tmp/f.txt"]},
        "inputs": {"artifacts": [{"name": "f", "path": "/tmp/f.txt"}]},
    }
    artifact = {"name": "f", "from": "{{steps.w.outputs.artifacts.d}}", "subPath": "{{inputs.parameters.part}}"}
    found = ended(
        {
            "name": "main",
            "inputs": {"parameters": [{"name": "part", "value": part}]},
            "steps": [
                [{"name": "w", "template": "write"}],
                [{"name": "r", "template": "read", "arguments": {"artifacts": [artifact]}}],
            ],
        },
        write,
        read,
    )
    assert found.nodes["r"]["phase"] == phase
    assert ("yes" in found.logs.get("r", "")) is (phase == "Succeeded")


def test_the_exit_hook_of_a_workflow_has_its_arguments_and_decides_with(ended: Callable[..., Ended]) -> None:
    fails = {
        **SAY,
        "name": "fails",
        "container": {"image": "a", "command": ["sh", "-c", "echo {{inputs.parameters.x}}; exit 1"]},
    }
    hooks = {"exit": {"template": "fails", "arguments": argument("was {{workflow.status}}")}}
    main = {"name": "main", "steps": [[{"name": "s", "template": "say", "arguments": argument("1")}]]}
    found = ended(main, SAY, fails, hooks=hooks)
    assert found.phase == "Failed"
    assert [text for text in found.logs.values() if "was" in text] == ["was Succeeded\n"]


def test_a_template_inside_of_a_call_gets_what_it_names_around_it(ended: Callable[..., Ended]) -> None:
    inline = {
        "container": {
            "image": "a",
            "command": ["printf", "%s", "{{item}} of {{inputs.parameters.p}} {{=asInt(item) + 1}}"],
        }
    }
    found = ended(
        {
            "name": "main",
            "inputs": {"parameters": [{"name": "p", "value": 'a "b"'}]},
            "steps": [[{"name": "s", "inline": inline, "withItems": [3, 4]}]],
        }
    )
    assert found.phase == "Succeeded"
    assert sorted(found.logs.values()) == ['3 of a "b" 4', '4 of a "b" 5']


def test_a_program_knows_where_to_say_how_far_it_is(ended: Callable[..., Ended]) -> None:
    line = 'test -n "$ARGO_PROGRESS_FILE" && echo 1/2 > "$ARGO_PROGRESS_FILE" && echo said'
    found = ended({"name": "main", "container": {"image": "a", "command": ["sh", "-c", line]}})
    assert found.phase == "Succeeded"
    assert list(found.logs.values()) == ["said\n"]


def test_uploads_are_what_is_under_their_keys(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "there.txt"
    file.write_text("uploaded")
    main = {
        "name": "main",
        "container": {"image": "a", "command": ["cat", "/tmp/in.txt"]},
        "inputs": {"artifacts": [{"name": "i", "path": "/tmp/in.txt", "s3": {"key": "up/1"}}]},
    }
    found = Ended(manifest(main), tmp_path, uploads={"up/1": str(file)})
    assert (found.phase, list(found.logs.values())) == ("Succeeded", ["uploaded"])
