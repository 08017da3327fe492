"""CALL-04, CALL-05 and X-12: the loops of steps and tasks."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes

__all__ = ["check_call"]

_VERB = re.compile(r"%(?:%|[-+# 0]*\d*(?:\.\d*)?(?P<verb>[a-zA-Z])?)")
_INTEGER = frozenset("bcdoOqxXUv")
_WHOLE = re.compile(r"[-+]?[0-9]+")

Fields = dict[str, Any]


def check_call(call: Fields, path: str, notes: Notes) -> None:
    """The loop of a step or task."""
    given = [
        name
        for name in ("withItems", "withParam", "withSequence")
        if call.get(name) or (name in call and name == "withSequence")
    ]
    if len(given) > 1:
        notes.error("CALL-04", path, f"{' and '.join(given)} exclude each other; keep one of them")
    if "withSequence" in call:
        _sequence(call["withSequence"], f"{path}.withSequence", notes)
    text = call.get("withParam", "")
    if text and "{{" not in text and not _is_list(text):
        notes.error(
            "X-12", f"{path}.withParam", f"{text[:60]!r} is no JSON list, so there are no items; write [...] or a tag"
        )


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _sequence(sequence: Fields, path: str, notes: Notes) -> None:
    given = [name for name in ("count", "end") if sequence.get(name, "") != ""]
    if len(given) > 1:
        notes.error("CALL-05", path, "both count and end; leave one of them out")
    if not given:
        notes.error("X-12", path, "nothing says how long the sequence is; give count or end")
    for name in ("start", "end", "count"):
        value = sequence.get(name, 0)
        if isinstance(value, str) and value and "{{" not in value and not _WHOLE.fullmatch(value):
            notes.error("X-12", f"{path}.{name}", f"{value!r} is no whole number")
    text = sequence.get("format", "")
    if text and "{{" not in text and not _one_verb(text):
        notes.error(
            "X-12", f"{path}.format", f"{text!r} needs exactly one place for the whole number, such as %d or %03d"
        )


def _one_verb(text: str) -> bool:
    verbs = [match["verb"] for match in _VERB.finditer(text) if match.group() != "%%"]
    return len(verbs) == 1 and verbs[0] is not None and verbs[0] in _INTEGER
