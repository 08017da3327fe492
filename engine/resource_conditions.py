"""What is asked of an object of a cluster: the conditions of a resource template, and fields that are its outputs.

A condition is a selector as for labels, whose keys are paths into the object: requirements with commas between them,
each ``path``, ``!path``, ``path = value``, ``==``, ``!=``, ``in (…)``, ``notin (…)``, ``> number`` or ``< number``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError, LeafError
from dflow.engine.expressions import gotext
from dflow.engine.expressions.jsonpath import find
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Requirement", "field_of", "filled", "requirements", "verdict"]

_KEY = r"(?P<key>[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?)"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<no>!)\s*)?{_KEY}\s*"
    r"(?:(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s,()]*)|(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?\s*\Z"
)
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)?\Z")
_COMMA = re.compile(r",(?![^(]*\))")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")


@record(frozen=True, slots=True)
class Requirement:
    """One thing that must hold.

    Attributes:
        key: a path such as ``status.conditions.0.type``.
        operator: ``exists``, ``!exists``, ``in``, ``notin``, ``>`` or ``<``.
        values: of ``in`` and ``notin`` all that it may be, or may not be.
        source: as it was written.
    """

    key: str
    operator: str
    values: tuple[str, ...]
    source: str

    def holds(self, data: object) -> bool:
        """Whether it holds for an object; a path that leads nowhere is another value than any (as for labels)."""
        text = _text_at(data, self.key)
        match self.operator:
            case "exists":
                return text is not None
            case "!exists":
                return text is None
            case "in":
                return text in self.values
            case "notin":
                return text not in self.values
            case order:
                if text is None or _INTEGER.match(text) is None:
                    return False
                return int(text) > int(self.values[0]) if order == ">" else int(text) < int(self.values[0])


def requirements(condition: str) -> tuple[Requirement, ...]:
    """The requirements of a condition.

    Raises:
        ExpressionError: it is none.
    """
    if not condition.strip():
        return ()
    return tuple(_requirement(part) for part in _COMMA.split(condition))


def _requirement(part: str) -> Requirement:
    match = _REQUIREMENT.match(part)
    if match is None or (match["no"] and (match["operator"] or match["set"])):
        hint = "; a comma between requirements means and" if "&&" in part or "||" in part else ""
        raise ExpressionError(f"{part.strip()!r} is no requirement such as 'status.phase == Succeeded'{hint}")
    source = part.strip()
    if match["set"]:
        values = tuple(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], match["set"], _checked(values, source), source)
    operator = match["operator"]
    if operator is None:
        return Requirement(match["key"], "!exists" if match["no"] else "exists", (), source)
    values = _checked((match["value"],), source)
    if operator in (">", "<"):
        if _INTEGER.match(values[0]) is None:
            raise ExpressionError(f"{source!r}: {values[0]!r} is no integer")
        return Requirement(match["key"], operator, values, source)
    return Requirement(match["key"], "notin" if operator == "!=" else "in", values, source)


def _checked(values: tuple[str, ...], source: str) -> tuple[str, ...]:
    for value in values:
        if _VALUE.match(value) is None:
            raise ExpressionError(
                f"{source!r}: the value {value!r} must be at most 63 letters, digits, '-', '_' and '.', without quotes"
            )
    return values


def verdict(text: str, success: tuple[Requirement, ...], failure: tuple[Requirement, ...]) -> tuple[bool, str] | None:
    """Whether an object has succeeded or failed, and by which requirements; None when neither.

    It has failed when one of ``failure`` holds, and succeeded when all of ``success`` do.

    Args:
        text: the object as JSON.
    """
    data = json.loads(text, parse_int=str, parse_float=str)
    for one in failure:
        if one.holds(data):
            return False, one.source
    if all(one.holds(data) for one in success):
        return True, ", ".join(one.source for one in success)
    return None


def _text_at(data: object, key: str) -> str | None:
    """What is at a path, as text; None where the path leads nowhere."""
    for name in key.split("."):
        if isinstance(data, dict) and name in data:
            data = data[name]
        elif isinstance(data, list) and name.isdecimal() and int(name) < len(data):
            data = data[int(name)]
        else:
            return None
    if data is None or isinstance(data, str):
        return data or ""
    return json.dumps(data, separators=(",", ":"))


def field_of(text: str, query: str) -> str | None:
    """What an output parameter asks of an object, as text; None where there is nothing.

    Args:
        text: the object as JSON.
        query: such as ``jsonPath={.status.phase}``.

    Raises:
        LeafError: the query cannot be answered here.
    """
    kind, _, path = query.partition("=")
    path = path.strip()
    if path.startswith("{") and path.endswith("}"):
        path = path[1:-1].strip()
    if kind != "jsonPath" or "{" in path:
        raise LeafError(f"{query!r} cannot be asked here; use a jsonPath of one field, such as {{.status.phase}}")
    try:
        found = find(text, path if path.startswith("$") else f"${path if path.startswith(('.', '[')) else f'.{path}'}")
    except ExpressionError:
        return None
    many = found if isinstance(found, list) and re.search(r"\*|\.\.|\?|:", path) else [found]
    return " ".join(one if isinstance(one, str) else gotext.marshal(one) for one in many)


def filled(text: str | None, values: Mapping[str, str | None]) -> str | None:
    """A text of a template with its values in place."""
    return None if text is None else expressions.substitute(text, values, strict=("inputs",))
