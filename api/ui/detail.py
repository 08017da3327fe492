"""All that is known of one node: what lists show, and what is in its directory."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from dflow.engine.model import SuspendTemplate
from dflow.ui.answers import Refused
from dflow.ui.inside import Area
from dflow.ui.nodes import node_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.live.view import LiveNode
    from dflow.ui.watched import Watched

__all__ = ["detail_json", "read_text", "step_of"]

_LONGEST = 10_000
_MOST_VALUES = 500
_MOST_RECORD = 16 << 20


def step_of(layout: RunLayout, node: LiveNode) -> StepLayout | None:
    """The directory of a node; None while it has none."""
    name = node.directory
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        return None
    return layout.step(name)


def detail_json(run: Watched, node: LiveNode) -> dict[str, Any]:
    """What the panel of a node shows; read while the view does not change."""
    layout = run.source.layout
    found = {**node_json(node), "message": node.message[:_LONGEST], "usage": dict(node.usage or {})}
    found |= {"can": _can(run, node), **_supplied(run, node)}
    empty: dict[str, Any] = {"parameters": {}, "artifacts": {}}
    found |= {"inputs": empty, "outputs": empty, "attempts": [], "script": False, "log": False, "directory": None}
    if layout is None:
        return found
    commands = _commands(layout.id, node)
    found |= {"command": commands.get("retry"), "commands": commands}
    place = step_of(layout, node)
    if place is None:
        return found
    area = Area(layout.root)
    record = _record(area, place)
    sides = {side: _values(area, place, side, record.get(side)) for side in ("inputs", "outputs")}
    return found | {
        **sides,
        "usage": _numbers(record.get("usage")) or found["usage"],
        "attempts": [{"directory": backup.root.name} for backup in place.backups()],
        "script": os.path.isfile(place.script),
        "log": os.path.isfile(place.log),
        "directory": str(place.root),
    }


def read_text(area: Area, path: str, most: int) -> tuple[str, bool]:
    """A file as text, and whether it goes on behind ``most`` bytes.

    Raises:
        Refused: it cannot be read.
    """
    opened = area.open(path)
    try:
        if opened.is_directory:
            raise Refused(400, "It is a directory")
        data = os.pread(opened.file, most + 1, 0)
    finally:
        os.close(opened.file)
    return data[:most].decode("utf-8", "replace"), len(data) > most


def _record(area: Area, place: StepLayout) -> Mapping[str, Any]:
    try:
        text, is_cut = read_text(area, str(place.record), _MOST_RECORD)
        found = {} if is_cut else json.loads(text)
    except (Refused, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(record: Any) -> dict[str, float]:
    if not isinstance(record, dict):
        return {}
    return {name: value for name, value in record.items() if isinstance(value, (int, float))}


def _commands(run: str, node: LiveNode) -> dict[str, str]:
    """What a person may copy into a shell; none where a name has characters that do something there even quoted."""
    word = next((word for word in (node.key, node.id) if word and word.isprintable()), None)
    if word is None or not run.isprintable():
        return {}
    name, step = shlex.quote(run), shlex.quote(word)
    is_option = word.startswith("-")
    end = "-- " if is_option else ""
    return {
        "retry": f"dflow retry {name} --step{'=' if is_option else ' '}{step}",
        "debug": f"dflow debug {name} {end}{step}",
        "logs": f"dflow logs -f {name} {end}{step}" if is_option else f"dflow logs {name} {step} -f",
    }


def _values(area: Area, place: StepLayout, side: str, record: Any) -> dict[str, Any]:
    """Inputs or outputs by name. Before there is a record, those that lie in the directory."""
    known = record if isinstance(record, dict) else {}
    parameters = _fields(known, "parameters") or _found(f"{place.text}/{side}/parameters")
    artifacts = _fields(known, "artifacts") or _found(f"{place.text}/{side}/artifacts")
    return {
        "parameters": {
            name: _parameter(area, f"{place.text}/{side}/parameters", name, fields)
            for name, fields in list(parameters.items())[:_MOST_VALUES]
        },
        "artifacts": {
            name: _artifact(f"{place.text}/{side}/artifacts", name, fields)
            for name, fields in list(artifacts.items())[:_MOST_VALUES]
        },
    }


def _fields(record: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    found = record.get(kind)
    if not isinstance(found, dict):
        return {}
    return {name: fields for name, fields in found.items() if isinstance(fields, dict)}


def _parameter(area: Area, folder: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    value, is_cut = fields.get("value"), False
    if value is None and "/" not in name and "\0" not in name:
        try:
            value, is_cut = read_text(area, f"{folder}/{name}", _LONGEST)
        except Refused:
            value = None
    elif isinstance(value, str) and len(value) > _LONGEST:
        value, is_cut = value[:_LONGEST], True
    return {"value": value, "type": fields.get("type"), **({"cut": True} if is_cut else {})}


def _artifact(folder: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Where it is in the directory of its step; None where it is not."""
    is_there = "/" not in name and "\0" not in name and os.path.lexists(f"{folder}/{name}")
    where = "/".join(folder.rsplit("/", 2)[1:])
    return {"path": f"{where}/{name}" if is_there else None, "key": fields.get("key")}


def _found(folder: str) -> dict[str, dict[str, Any]]:
    """What lies in a folder, of which nothing else is known."""
    try:
        return {name: {} for name in sorted(os.listdir(folder)) if not name.endswith(".tmp")}
    except OSError:
        return {}


def _can(run: Watched, node: LiveNode) -> list[str]:
    can = run.source.can()
    found = []
    is_asked = node.type == "Suspend" and not node.phase.is_final
    if is_asked and "resume" in can:
        found.append("resume")
    may_run = "retry" in can or ("resume" not in can and run.source.status() == "Succeeded")
    if node.phase.is_final and node.is_leaf and may_run:
        found.append("retry")
    return found


def _supplied(run: Watched, node: LiveNode) -> dict[str, Any]:
    """Of a step that waits, the outputs that somebody may give it, and those that it needs."""
    template = run.source.templates.get(node.template)
    if not isinstance(template, SuspendTemplate) or node.phase.is_final:
        return {}
    wanted = [parameter for parameter in template.outputs.parameters if parameter.supplied]
    return {"supplied": [p.name for p in wanted], "needed": [p.name for p in wanted if p.default is None]}
