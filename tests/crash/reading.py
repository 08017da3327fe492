"""Reading what a run has left: what a user sees of it, and whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dflow import query
from dflow.engine.layout import RunLayout
from dflow.engine.phase import Phase

__all__ = ["differences", "half_written", "is_committed", "outcome"]

_PHASES = {phase.value for phase in Phase}


def outcome(layout: RunLayout) -> dict[str, Any]:
    """All that a user can see of a run and that is the same whenever it is run."""
    nodes = {}
    for node in query.read_nodes(layout):
        artifacts = node.place / "outputs" / "artifacts" if node.place else Path("/nonexistent")
        nodes[node.name] = {
            "is": [node.phase.value, node.type, node.key, node.template, node.place and node.place.name],
            "inputs": query.load_values(layout, node, "inputs")["parameters"],
            "outputs": query.load_values(layout, node, "outputs")["parameters"],
            "files": {str(p.relative_to(artifacts)): p.read_text() for p in _files(artifacts)},
            "runs": [outcome(RunLayout(p)) for p in sorted((node.place or artifacts).glob("workflows/[!.]*"))],
        }
    outputs = query.read_workflow(layout).recover()["status"]["outputs"]
    return {"status": query.read_status(layout), "outputs": outputs["parameters"], "nodes": nodes}


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """Where two outcomes differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [text for key in keys for text in differences(expected.get(key), found.get(key), f"{place}/{key}")]
    return [] if expected == found else [f"{place}: {found!r} instead of {expected!r}"]


def _files(folder: Path) -> list[Path]:
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if entry.name != ".dflow":  # catalogs have names of their own
            found += _files(entry) if entry.is_dir() else [entry]
    return found


def is_committed(step: Path) -> bool:
    """Read without the engine's help: it has succeeded, and its directory is where it was."""
    try:
        words = (step / "phase").read_text(), (step / "type").read_text()
    except OSError:
        return False
    return words == ("Succeeded", "Pod") and not any(".bk" in part for part in step.parts)


def half_written(root: Path) -> list[str]:
    """Files of a run that a reader would find torn: all but the last line of the journal must be whole."""
    words = (*root.rglob("phase"), *root.glob("**/status"))
    records = (*root.rglob(".step"), *root.glob("**/.dflow/*.json"))
    torn = [path for path in words if path.read_text() not in _PHASES]
    torn += [path for path in records if not _is_json(path.read_text())]
    for path in root.glob("**/.dflow/journal.jsonl"):
        torn += [path for line in path.read_text().split("\n")[:-1] if not _is_json(line)]
    return [str(path.relative_to(root)) for path in torn if not any(p.startswith(".inner") for p in path.parts)]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
