"""What is written into a drawing: loops, conditions, keys, phases."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from dflow.engine import model
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["TIMES", "Phases", "is_worse", "lines_of", "one_line", "shorten", "value_text", "waits_for"]

TIMES = "\N{MULTIPLICATION SIGN}"
_RANGE = re.compile(r"toJson\(sprig\.untilStep\((-?\d+), (-?\d+), (-?\d+)\)\)")
_TERM = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_-]*)(?:\.([A-Za-z]+))?")
_NODE = re.compile(r"(?P<name>[^(]*)(?P<item>\(\d+:[^(]*\))?", re.DOTALL)
_WORST_FIRST = (
    Phase.ERROR,
    Phase.FAILED,
    Phase.TERMINATED,
    Phase.RUNNING,
    Phase.PENDING,
    Phase.SUCCEEDED,
    Phase.OMITTED,
    Phase.SKIPPED,
)


def lines_of(call: model.Call, template: model.Template) -> Iterator[str]:
    """What is said of a call beside its name."""
    if template.name != call.name:
        yield template.name
    if call.loop is not None:
        yield _loop(call, call.loop)
    if call.when is not None:
        yield f"when: {value_text(call.when)}"
    if call.key is not None:
        yield f"key: {value_text(call.key)}"
    if call.depends is not None and len(waits_for(call)) > 1:
        yield f"depends: {one_line(call.depends)}"


def waits_for(call: model.Call) -> dict[str, str]:
    """The tasks that a task waits for, with what is wanted of each; nothing means that it goes well."""
    wanted: dict[str, list[str]] = {name: [] for name in call.dependencies}
    for name, end in _TERM.findall(call.depends or ""):
        ends = wanted.setdefault(name, [])
        if end and end not in ends:
            ends.append(end)
    if call.depends is not None and len(wanted) == 1:
        return dict.fromkeys(wanted, one_line(call.depends))
    return {name: ", ".join(ends) for name, ends in wanted.items()}


def value_text(value: model.Value) -> str:
    """A value as people write it."""
    match value:
        case model.Literal(text):
            return one_line(text)
        case model.Ref(path):
            return one_line("{{" + path + "}}")
        case model.Expr(source):
            return one_line("{{=" + source + "}}")
        case model.Text(source):
            return one_line(source)


def one_line(text: str) -> str:
    """The text with every kind of space, and what cannot be printed, as one space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(text: str, size: int) -> str:
    """The text, or its beginning with an ellipsis."""
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


def _loop(call: model.Call, loop: model.Loop) -> str:
    count = _count(call, loop)
    each = "each of " + _source(loop)
    size = loop.slices.group_size if loop.slices is not None else None
    if count is None:
        return f"{TIMES} {each}" + (f" in groups of {size}" if size else "")
    return f"{TIMES}{count}" if size is None else f"{TIMES}{-(-count // size)} groups of {size}"


def _count(call: model.Call, loop: model.Loop) -> int | None:
    """How many copies there are, as far as that is known before."""
    match loop.items:
        case None:
            given = dict(call.parameters)
            names = loop.slices.input_parameters if loop.slices is not None else ()
            counts = [_length(given[name]) for name in names if name in given]
            return next((count for count in counts if count is not None), None)
        case model.Sequence(count=count, start=start, end=end):
            if count is not None:
                return _number(count)
            numbers = _number(start) if start is not None else 0, _number(end) if end is not None else None
            return None if None in numbers else abs((numbers[1] or 0) - (numbers[0] or 0)) + 1
        case items:
            return _length(items)


def _length(value: model.Value) -> int | None:
    if isinstance(value, model.Expr) and (match := _RANGE.fullmatch(value.source)):
        start, end, step = map(int, match.groups())
        return len(range(start, end, step)) if step else None
    try:
        found = json.loads(value.text) if isinstance(value, model.Literal) else None
    except (ValueError, RecursionError):
        return None
    return len(found) if isinstance(found, list) else None


def _number(value: model.Value) -> int | None:
    text = value.text.strip() if isinstance(value, model.Literal) else ""
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _source(loop: model.Loop) -> str:
    """What a loop goes through."""
    match loop.items:
        case None:
            slices = loop.slices
            names = (*slices.input_parameters, *slices.input_artifacts) if slices is not None else ()
            return ", ".join(map(one_line, names)) or "its slices"
        case model.Sequence(count=count, start=start, end=end):
            if count is not None:
                return value_text(count)
            return f"{value_text(start) if start else 0} … {value_text(end) if end else ''}".strip()
        case items:
            return value_text(items)


def is_worse(phase: str, other: str) -> bool:
    """Whether users should see the first of two phases before the other."""
    return _WORST_FIRST.index(Phase(phase)) < _WORST_FIRST.index(Phase(other))


class Phases:
    """The phases of a run, by the name of the call that nodes belong to.

    Args:
        by_display: phases by display names; copies in a loop are ``name(0:item)``, and count instead of what is around
            them; attempts, ``name(0)``, do not.
    """

    def __init__(self, by_display: Mapping[str, str] | None) -> None:
        self._counts: dict[str, Counter[Phase]] = {}
        known = {phase.value: phase for phase in Phase}
        alone: dict[str, Counter[Phase]] = {}
        for display, word in (by_display or {}).items():
            match = _NODE.fullmatch(display)
            if word in known and match is not None:
                counts = self._counts if match["item"] else alone
                counts.setdefault(match["name"], Counter())[known[word]] += 1
        self._counts = {**alone, **self._counts}

    def worst(self, name: str) -> Phase | None:
        """What users should see first; None when there is no such node."""
        counts = self._counts.get(name)
        return None if counts is None else next(phase for phase in _WORST_FIRST if phase in counts)

    def words(self, name: str) -> str | None:
        """One phase, or how many copies have which."""
        counts = self._counts.get(name)
        if counts is None:
            return None
        if counts.total() == 1:
            phase = next(iter(counts))
            return f"{phase.symbol} {phase.value}"
        return ", ".join(f"{p.symbol} {counts[p]} {p.value}" for p in _WORST_FIRST if p in counts)
