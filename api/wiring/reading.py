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
_TOO_DEEP = "this is nested too deeply, or too large with its aliases written out"
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


_AT_THE_TOP = re.compile(r"^([A-Za-z]\w*)\s*:", re.MULTILINE)


class _Loader(yaml.SafeLoader):
    """Reads plain data only."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - as its base class has it


for _name, _pattern in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"(?:{_pattern})\Z"), None)


class _Refused(Exception):
    """More than is read, from a line on."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line
        self.why = _TOO_DEEP


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
            raise _Refused(line)
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


def read_yaml(text: str, file: str | None = None) -> list[Part]:
    """The documents of a YAML or JSON text.

    Args:
        file: what the text is called in messages.

    Raises:
        CompileError: it is no YAML, or has values that are no plain data; says in which line.
    """
    try:
        return list(_parts(text))
    except _Refused as exc:
        line, why = exc.line, exc.why
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        why = f"this is no YAML: {_shown(exc.character)} cannot stand in it"
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        why = f"this is no YAML: {getattr(exc, 'problem', None) or exc}"
    except RecursionError:
        line, why = 1, _TOO_DEEP
    except (ValueError, TypeError) as exc:
        line, why = 1, f"this is no YAML: {exc}"
    raise CompileError([f"{file}:{line}: {why}" if file else f"line {line}: {why}"])


def _shown(character: Any) -> str:
    return repr(chr(character) if isinstance(character, int) else character)


def names_at_the_top(text: str) -> set[str]:
    """The names of the outermost map of the first document; where the text is no YAML, what look like these."""
    try:
        loader = _Loader(text)
        node = loader.get_node() if loader.check_node() else None
        loader.dispose()
    except (yaml.YAMLError, ValueError, RecursionError):
        return set(_AT_THE_TOP.findall(text))
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
