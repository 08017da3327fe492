"""The graph as JSON and back.

A record becomes an object with its class name under ``"is"`` and those fields that differ from their default,
so the text stays short and old files stay readable when a field is added. ``decode(encode(graph)) == graph``.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from dflow.engine import model
from dflow.engine.errors import StateError
from dflow.engine.moving import moved_artifacts

__all__ = ["decode", "dumps", "encode", "loads"]

_RECORDS = {
    name: record
    for name in model.__all__
    if isinstance(record := getattr(model, name), type) and dataclasses.is_dataclass(record)
}


def encode(value: Any) -> Any:
    """Plain lists, dicts and scalars for a record of ``engine.model`` (or a tuple of them)."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: encode(item) for f in dataclasses.fields(value) if (item := getattr(value, f.name)) != f.default
        }
        return {"is": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    return value


def decode(data: Any) -> Any:
    """The record that :func:`encode` turned into ``data``.

    Raises:
        StateError: a record or a field that this version does not know.
    """
    if isinstance(data, dict):
        kind = data.get("is")
        record = _RECORDS.get(kind) if isinstance(kind, str) else None
        if record is None:
            raise StateError(f"the graph has a record {kind!r} that this version of dflow does not know")
        try:
            return record(**{name: decode(item) for name, item in data.items() if name != "is"})
        except TypeError as exc:
            raise StateError(f"the graph's record {kind!r} does not fit this version of dflow: {exc}") from exc
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    return data


def dumps(graph: model.WorkflowGraph, *, indent: int | None = None, home: str | None = None) -> str:
    """The graph as JSON text.

    Args:
        home: the run directory that it is for, see ``engine.moving``.
    """
    data = {**encode(graph), "schema": graph.schema, **({} if home is None else {"home": home})}
    return json.dumps(data, indent=indent, ensure_ascii=False)


def loads(text: str, *, root: str | None = None) -> model.WorkflowGraph:
    """The graph in a JSON text.

    Args:
        root: the run directory that it is in; files that were moved with it are found where they are now.

    Raises:
        StateError: it is no JSON, no graph, or a graph of a newer schema.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise StateError(f"the graph is not valid JSON: {exc}") from exc
    version = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(version, int):
        raise StateError("the JSON text holds no workflow graph, which to_graph_json() writes")
    if version > model.SCHEMA_VERSION:
        raise StateError(
            f"the graph has schema {version}, this dflow reads up to {model.SCHEMA_VERSION}: update pydflow"
        )
    home = data.pop("home", None)
    if root is not None and isinstance(home, str) and home != root:
        data = moved_artifacts(data, home, root)
    graph = decode(data)
    if not isinstance(graph, model.WorkflowGraph):
        raise StateError("the JSON text holds no workflow graph")
    return graph
