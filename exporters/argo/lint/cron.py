"""SPEC-14: when a cron workflow starts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dflow.exporters.argo.lint.durations import is_duration

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Document

__all__ = ["check", "schedule_problem"]

_POLICIES = ("", "Allow", "Forbid", "Replace")
_NAMED = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of the month", 1, 31, []),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_RANGE = re.compile(r"(?P<first>\*|\?|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>[0-9]{1,4}))?")


def check(document: Document, notes: Notes) -> None:
    """The outer part of a cron workflow."""
    spec = document.body.get("spec", {})
    schedules = spec.get("schedules", [])
    if not schedules:
        notes.error("SPEC-14", "spec", "nothing says when it starts; give schedules")
    for index, text in enumerate(schedules):
        problem = schedule_problem(text)
        if problem:
            notes.error("SPEC-14", f"spec.schedules[{index}]", f"{text!r} is no schedule: {problem}")
    policy = spec.get("concurrencyPolicy", "")
    if policy not in _POLICIES:
        notes.error(
            "SPEC-14", "spec.concurrencyPolicy", f"{policy!r} is no policy; use one of {', '.join(_POLICIES[1:])}"
        )
    if spec.get("startingDeadlineSeconds", 0) < 0:
        notes.error("SPEC-14", "spec.startingDeadlineSeconds", "it must be 0 or more")
    if spec.get("timezone") and not _is_zone(spec["timezone"]):
        notes.error(
            "SPEC-14", "spec.timezone", f"{spec['timezone']!r} is no time zone; write a name such as Europe/Berlin"
        )


def _is_zone(name: str) -> bool:
    """Whether the time zone is known; anything goes where this machine knows none."""
    import zoneinfo  # noqa: PLC0415 - for cron workflows only

    if name in {"UTC", "Local"}:
        return True
    known = zoneinfo.available_timezones()
    return not known or name in known


def schedule_problem(text: str) -> str:
    """What is wrong with a schedule; empty when it is right."""
    words = text.split()
    if words and words[0].startswith(("TZ=", "CRON_TZ=")):
        words = words[1:]
    if not words:
        return "it is empty"
    if words[0].startswith("@"):
        return _named(words)
    if len(words) != len(_FIELDS):
        return f"it has {len(words)} fields, a schedule has {len(_FIELDS)}: minute, hour, day, month, day of the week"
    for word, (name, low, high, names) in zip(words, _FIELDS, strict=True):
        if not all(_part_fits(part, low, high, names) for part in word.split(",")):
            return f"{word!r} is no {name} ({low} to {high})"
    return ""


def _named(words: list[str]) -> str:
    if words[0] == "@every":
        wanted = len(words) == 2 and is_duration(words[1]) and "{{" not in words[1] and not words[1].startswith("-")
        return "" if wanted else "@every is followed by a duration such as 1h30m"
    return "" if words[0] in _NAMED and len(words) == 1 else f"{words[0]} is none of {', '.join(_NAMED)}, @every"


def _part_fits(part: str, low: int, high: int, names: list[str]) -> bool:
    match = _RANGE.fullmatch(part)
    if match is None or (match["step"] is not None and int(match["step"]) == 0):
        return False
    if match["first"] in {"*", "?"}:
        return match["last"] is None
    first = _number(match["first"], low, names)
    last = first if match["last"] is None else _number(match["last"], low, names)
    return low <= first <= last <= high


def _number(word: str, low: int, names: list[str]) -> int:
    if word.lower() in names:
        return names.index(word.lower()) + low
    return int(word) if word.isascii() and word.isdigit() and len(word) < 4 else -1
