"""What may stand in a workflow that is a mapping, and what is wrong in one, with its place."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CompileError, DflowError
from dflow.engine.near import near_or_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["OF_LEAVES", "OF_OPS", "OF_SCRIPTS", "OF_STEPS", "OF_TASKS", "OF_WORKFLOWS", "Kind", "Mistakes", "is_wiring"]

Kind = tuple["Callable[[Any], bool]", str]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_variable(name: str, value: Any) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None and not isinstance(value, (dict, list, tuple, set))


_TEXT: Kind = (lambda value: isinstance(value, str), "a text")
_MAP: Kind = (lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value), "a map by name")
_LIST: Kind = (lambda value: isinstance(value, list) and bool(value), "a list with at least one entry")
_TEXTS: Kind = (_are_texts, "a list of texts")
_YES: Kind = (lambda value: isinstance(value, bool), "true or false")
_COUNT: Kind = (_is_count, "a whole number, 1 or more")
_NUMBER: Kind = (lambda v: isinstance(v, (int, float)) and not isinstance(v, bool), "a number")
_SECONDS: Kind = (lambda v: _NUMBER[0](v) or isinstance(v, str), "seconds, or a text such as 10m")
_WORDS: Kind = (lambda value: isinstance(value, str) or _are_texts(value), "a word, or a list of words")
_CONDITION: Kind = (lambda value: isinstance(value, (str, bool)), 'a text such as "{{a.loss}} < 0.1"')
_SEVERAL: Kind = (lambda value: isinstance(value, (list, str)), "a list, or a text with a tag")
_OUTPUTS: Kind = (
    lambda value: isinstance(value, dict) and set(value) <= {"parameters", "artifacts"},
    "a map of parameters and artifacts",
)
_RATIO: Kind = (lambda v: _NUMBER[0](v) and 0 <= v <= 1, "a number from 0 to 1")
_ENVS: Kind = (
    lambda value: _MAP[0](value) and all(map(_is_variable, value, value.values())),
    "a map of names (of letters, digits and '_', no digit at the beginning) to texts or numbers",
)
_EXECUTOR: Kind = (lambda value: isinstance(value, (str, dict)), "a name, or a map with type and arguments")

OF_WORKFLOWS: dict[str, Kind] = {
    "name": _TEXT,
    "steps": _LIST,
    "tasks": _LIST,
    "parameters": _MAP,
    "parallelism": _COUNT,
    "labels": _MAP,
    "annotations": _MAP,
    "namespace": _TEXT,
}
OF_STEPS: dict[str, Kind] = {
    "name": _TEXT,
    "op": _TEXT,
    "script": _TEXT,
    "parameters": _MAP,
    "artifacts": _MAP,
    "when": _CONDITION,
    "with_param": _SEVERAL,
    "with_sequence": _MAP,
    "key": _TEXT,
    "slices": _MAP,
    "executor": _EXECUTOR,
    "parallelism": _COUNT,
    "timeout": _SECONDS,
    "isolation": _TEXT,
    "continue_on_failed": _YES,
    "continue_on_error": _YES,
    "continue_on_num_success": _COUNT,
    "continue_on_success_ratio": _RATIO,
}
OF_LEAVES: dict[str, Kind] = {
    "image": _TEXT,
    "image_pull_policy": _TEXT,
    "command": _WORDS,
    "envs": _ENVS,
    "requests": _MAP,
    "limits": _MAP,
    "node_selector": _MAP,
    "retries": _COUNT,
}
OF_OPS: dict[str, Kind] = {"python_packages": _TEXTS, "pre_script": _TEXT, "post_script": _TEXT}
OF_SCRIPTS: dict[str, Kind] = {
    "language": (lambda value: value in ("shell", "python"), "shell or python"),
    "outputs": _OUTPUTS,
}
OF_TASKS: dict[str, Kind] = {"dependencies": _TEXTS}


def is_wiring(data: Any) -> bool:
    """Whether plain data is meant as a workflow of this form: it has steps, tasks or a name, and is no manifest and
    no graph.
    """
    foreign, own = ("apiVersion", "kind", "spec", "is", "schema"), ("steps", "tasks", "name")
    return isinstance(data, dict) and any(name in data for name in own) and not any(name in data for name in foreign)


class Mistakes:
    """What is wrong, each with its place: the line where there is a text, else the path of the entry.

    Args:
        lines: the line of each entry, by path.
        file: what the text is called.
    """

    def __init__(self, lines: Mapping[str, int] | None = None, file: str | None = None) -> None:
        self._lines = lines or {}
        self._file = file
        self._found: list[tuple[int, str]] = []

    def add(self, path: str, text: str) -> None:
        """Note one."""
        self._found.append((self._line(path) or 0, self.placed(path, text)))

    def placed(self, path: str, text: str) -> str:
        """A text with its place before it."""
        line = self._line(path)
        where = path or "the workflow"
        if line is not None:
            where = f"{self._file}:{line}: {where}" if self._file else f"line {line}: {where}"
        return f"{where}: {text}"

    @contextmanager
    def at(self, path: str) -> Iterator[None]:
        """A block whose errors are noted for ``path``."""
        try:
            yield
        except CompileError as exc:
            for problem in exc.problems:
                self.add(path, problem)
        except DflowError as exc:
            self.add(path, str(exc))

    def check(self) -> None:
        """Raise all that was noted, in the order of the text.

        Raises:
            CompileError: there is something.
        """
        if self._found:
            raise CompileError([text for _, text in sorted(self._found, key=lambda item: item[0])])

    def fitting(self, given: Any, kinds: Mapping[str, Kind], path: str, what: str) -> dict[str, Any]:
        """The entries of a map that are known and of their kind; the others are noted. None counts as left out."""
        if not isinstance(given, dict):
            self.add(path, f"{what} must be a map, not {given!r}")
            return {}
        found = {}
        for name, value in given.items():
            place = f"{path}.{name}" if path else str(name)
            if name not in kinds:
                self.add(place, f"{what} has no {name!r}{near_or_all(name, kinds)}")
            elif value is not None and not kinds[name][0](value):
                self.add(place, f"it must be {kinds[name][1]}, not {value!r}")
            elif value is not None:
                found[name] = value
        return found

    def repeated(self, paths: Iterable[str]) -> None:
        """Note entries that are given twice."""
        for path in paths:
            self.add(path, "it is given twice; remove one")

    def _line(self, path: str) -> int | None:
        """The line of an entry, or of what it is in."""
        while path and path not in self._lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._lines.get(path)
