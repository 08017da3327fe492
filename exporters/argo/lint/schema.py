"""The closed check of fields and types, and a copy of the document that the other checks can rely on.

The types are: ``s`` text, ``i`` whole number, ``n`` number, ``b`` bool, ``o`` any map, ``q`` quantity, ``t`` time,
``I`` whole number or text, ``x`` anything that becomes a text, ``*`` anything.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from dflow.engine.near import near

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes

__all__ = ["KINDS", "checked"]

KINDS = ("ClusterWorkflowTemplate", "CronWorkflow", "Workflow", "WorkflowTemplate")
"""Kinds of documents that are checked."""

_WORDS = {
    "s": "a text",
    "i": "a whole number",
    "n": "a number",
    "b": "true or false",
    "o": "a map",
    "q": "a quantity such as 500m or 2Gi",
    "t": "a time",
    "I": "a whole number or a text",
}
_EMPTY: dict[str, object] = {"s": "", "i": 0, "n": 0, "b": False, "q": "", "t": "", "I": 0, "x": ""}
_DEEP = 100
_INT64 = 1 << 63


@functools.cache
def _schema() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def checked(document: dict[Any, Any], kind: str, notes: Notes) -> dict[str, Any]:
    """A copy of a document in which every field is known and has its type; what did not fit is a finding."""
    schema = _schema()
    return _Checker(schema["definitions"], notes).fields(document, schema["kinds"][kind], "", 0)


class _Checker:
    def __init__(self, definitions: list[dict[str, Any]], notes: Notes) -> None:
        self.definitions = definitions
        self.notes = notes

    def fields(self, value: dict[Any, Any], number: int, path: str, depth: int) -> dict[str, Any]:
        definition = self.definitions[number]
        known: dict[str, str] = definition["f"]
        out: dict[str, Any] = {}
        for name, child in value.items():
            place = f"{path}.{name}" if path else str(name)
            kind = known.get(name) if isinstance(name, str) else None
            if kind is None:
                self.unknown(name, known, place)
            elif child is None and kind not in {"*", "t"}:
                self.notes.error("CRD-05", place, "null is not accepted by the API server; leave the field out")
            else:
                self.put(out, name, child, kind, place, depth)
        for name in definition.get("r", ()):
            if name not in value:
                self.notes.error("CRD-05", path, f"the field {name!r} is required here; add it")
        return out

    def put(self, out: dict[str, Any], name: str, child: object, kind: str, path: str, depth: int) -> None:
        fitting = self.value(child, kind, path, depth + 1)
        if fitting is not None:
            out[name] = fitting

    def unknown(self, name: object, known: dict[str, str], path: str) -> None:
        if not isinstance(name, str):
            self.notes.error("DOC-02", path, f"the name of a field must be a text, not {name!r}; put it in quotes")
            return
        self.notes.error(
            "DOC-01", path, f"unknown field {name!r}; the server refuses fields it does not know{near(name, known)}"
        )

    def value(self, value: object, kind: str, path: str, depth: int) -> object:
        """The value as its type wants it; None when it does not fit."""
        if depth > _DEEP:
            self.notes.error("DOC-01", path, f"nested more than {_DEEP} levels deep; flatten it")
            return None
        first = kind[0]
        if first.isdigit():
            if isinstance(value, dict):
                return self.fields(value, int(kind), path, depth)
            self.wrong(value, "a map", path)
            return None
        if first == "[":
            return self.items(value, kind[1:], path, depth)
        if first == "{":
            return self.entries(value, kind[1:], path, depth)
        return self.scalar(value, kind, path)

    def items(self, value: object, kind: str, path: str, depth: int) -> object:
        if not isinstance(value, list):
            self.wrong(value, "a list", path)
            return None
        out = []
        for index, item in enumerate(value):
            fitting = self.value(item, kind, f"{path}[{index}]", depth + 1)
            if fitting is None and kind != "*":
                fitting = _EMPTY[kind] if kind in _EMPTY else ([] if kind[0] == "[" else {})
            out.append(fitting)
        return out

    def entries(self, value: object, kind: str, path: str, depth: int) -> object:
        if not isinstance(value, dict):
            self.wrong(value, "a map", path)
            return None
        out: dict[str, Any] = {}
        for name, child in value.items():
            if isinstance(name, str):
                self.put(out, name, child, kind, f"{path}.{name}", depth)
            else:
                self.unknown(name, {}, f"{path}.{name}")
        return out

    def scalar(self, value: object, kind: str, path: str) -> object:
        if kind == "x":
            return _text(value)
        if kind == "*" or _fits(value, kind):
            return value
        self.wrong(value, _WORDS[kind], path)
        return None

    def wrong(self, value: object, wanted: str, path: str) -> None:
        rule = "CRD-05" if value is None else "DOC-02" if isinstance(value, (bool, int, float)) else "DOC-01"
        hint = "; put it in quotes" if wanted == "a text" and rule == "DOC-02" else ""
        self.notes.error(rule, path, f"{_shown(value)} stands where {wanted} is wanted{hint}")


def _fits(value: object, kind: str) -> bool:  # noqa: PLR0911 - one for each type
    number = isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
    match kind:
        case "s":
            return isinstance(value, str)
        case "t":
            return value is None or isinstance(value, str)
        case "b":
            return isinstance(value, bool)
        case "i":
            return number
        case "I":
            return number or isinstance(value, str)
        case "o":
            return isinstance(value, dict)
        case "n":
            return number or isinstance(value, float)
        case _:
            return number or isinstance(value, (float, str))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "?"


def _shown(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "a map"
        case list():
            return "a list"
        case int() if not -_INT64 <= value < _INT64:
            return "a number of more than 64 bits"
        case _:
            return repr(value)[:60]
