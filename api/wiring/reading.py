"""YAML as people mean it: ``y``, ``no`` and ``on`` are texts, ``1e-3`` is a number, dates are texts; with all lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import yaml
from dflow.engine.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Part", "names_at_the_top", "read_yaml"]

_MOST_NODES = 200_000
_DEEP = 100
_SCALARS = {
    "null": r"~|null|Null|NULL|",
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+",
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    ),
    "merge": r"<<",
}


class _Loader(yaml.SafeLoader):
    """Reads plain data only."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - as its base class has it


for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), None)


class Part:
    """One document of a text.

    Attributes:
        value: as plain values.
        lines: the lines of all entries, counted from 1, by path such as ``steps[0].name``.
        repeated: paths of entries that are given twice.
    """

    def __init__(self, node: yaml.Node) -> None:
        self.value: Any = None
        self.lines: dict[str, int] = {}
        self.repeated: list[str] = []
        self._count = 0
        self._walk(node, "", 0)

    def _walk(self, node: yaml.Node, path: str, depth: int) -> None:
        self._count += 1
        line = node.start_mark.line + 1
        if depth > _DEEP or self._count > _MOST_NODES:
            raise CompileError([f"line {line}: this is nested too deeply, or too large with its aliases written out"])
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._walk(item, f"{path}[{index}]", depth + 1)
        elif isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                place = f"{path}.{key.value}" if path else str(key.value)
                if place in seen:
                    self.repeated.append(place)
                seen.add(place)
                self.lines[place] = key.start_mark.line + 1
                self._walk(value, place, depth + 1)


def read_yaml(text: str) -> list[Part]:
    """The documents of a YAML or JSON text.

    Raises:
        CompileError: it is no YAML, or has values that are no plain data; says in which line.
    """
    try:
        return list(_parts(text))
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        why = getattr(exc, "problem", None) or str(exc)
        raise CompileError([f"line {line}: this is no YAML: {why}"]) from None
    except (ValueError, TypeError, RecursionError) as exc:
        raise CompileError([f"this is no YAML: {exc}"]) from None


def names_at_the_top(text: str) -> set[str]:
    """The names of the outermost map of the first document; none where it is no map, or the text no YAML."""
    loader = _Loader(text)
    try:
        node = loader.get_node() if loader.check_node() else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return set()
    finally:
        loader.dispose()
    return {key.value for key, _ in node.value} if isinstance(node, yaml.MappingNode) else set()


def _parts(text: str) -> Iterator[Part]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            part = Part(cast("yaml.Node", node))
            part.value = loader.construct_document(node)
            yield part
    finally:
        loader.dispose()
