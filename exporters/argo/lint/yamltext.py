"""Documents from a text, read as Kubernetes reads them: YAML 1.1, then JSON; with the lines of every field."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["Text", "TextError", "load"]

_BOOLS = {
    **dict.fromkeys(("y", "yes", "true", "on"), True),
    **dict.fromkeys(("n", "no", "false", "off"), False),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_OTHER_INTEGER = re.compile(r"([-+]?)0(?:x([0-9a-fA-F_]+)|o?([0-7_]+)|b([01_]+))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_RESOLVED = re.compile(r"yes|true|on|no|false|off|null|~|[-+]?(0|[1-9][0-9_]*|[0-9]+\.[0-9]*)|")
_MOST_NODES = 1_000_000
_DEEP = 150
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TextError(ValueError):
    """The text is no YAML; ``line`` is where, counted from 1."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class Text:
    """One document of a text.

    Attributes:
        value: the document as plain values.
        lines: the lines of all fields, by path.
        repeated: paths of fields that are given twice.
    """

    def __init__(self, node: yaml.Node) -> None:
        self.lines: dict[str, int] = {}
        self.repeated: list[str] = []
        self._nodes = 0
        self.value = self._value(node, "", 0)

    def _value(self, node: yaml.Node, path: str, depth: int) -> Any:
        self._nodes += 1
        if depth > _DEEP or self._nodes > _MOST_NODES:
            raise TextError(
                "nested too deeply, or too large when its aliases are written out", node.start_mark.line + 1
            )
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _map(self, node: yaml.MappingNode, path: str, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        merged: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise TextError("the name of a field must be a text", key_node.start_mark.line + 1)
            key = _scalar(key_node)
            place = f"{path}.{key}" if path else str(key)
            if key_node.value == "<<" and not key_node.style:
                self._merge(self._value(value_node, f"{path}.<<", depth + 1), merged)
                continue
            if key in found:
                self.repeated.append(place)
            self.lines.setdefault(place, key_node.start_mark.line + 1)
            found[key] = self._value(value_node, place, depth + 1)
        return {**merged, **found}

    def _merge(self, value: Any, merged: dict[Any, Any]) -> None:
        for source in value if isinstance(value, list) else [value]:
            if isinstance(source, dict):
                for key, child in source.items():
                    merged.setdefault(key, child)


def _is_tagged_text(node: yaml.Node) -> bool:
    """Whether a plain word is a text because of its tag, ``!!str 1``: the loader would take it for something else."""
    return node.tag == "tag:yaml.org,2002:str" and _RESOLVED.fullmatch(node.value.lower()) is not None


def _scalar(node: yaml.Node) -> Any:  # noqa: PLR0911 - one for each type of YAML 1.1
    text: str = node.value
    if getattr(node, "style", None) or _is_tagged_text(node):
        return text
    if text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if len(text) > 400:
        return text
    if _INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    other = _OTHER_INTEGER.fullmatch(text)
    if other is not None:
        digits = next(part for part in other.groups()[1:] if part is not None).replace("_", "")
        base = 16 if other[2] is not None else 8 if other[3] is not None else 2
        return int(f"{other[1]}{digits}", base) if digits else text
    return float(text) if _FLOAT.fullmatch(text) else text


def load(text: str) -> list[Text]:
    """The documents of a text; empty ones are left out.

    Raises:
        TextError: the text is no YAML.
    """
    try:
        nodes = [node for node in yaml.compose_all(text, _LOADER) if node is not None]
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        problem = getattr(exc, "problem", None) or str(exc)
        raise TextError(" ".join(str(problem).split()), mark.line + 1 if mark is not None else None) from exc
    except (RecursionError, ValueError) as exc:
        raise TextError(f"the text cannot be read: {exc}") from exc
    found = [Text(node) for node in nodes if not _is_empty(node)]
    return [part for part in found if part.value is not None]


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value == ""
