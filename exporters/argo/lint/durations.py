"""X-09: texts that stand for times and counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes

__all__ = ["check_retry", "check_times", "is_count", "is_duration"]

_DURATION = re.compile(r"[-+]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_COUNT = re.compile(r"[0-9]+")
_WANTED = "a time such as 90s, 10m or 1h30m"

Fields = dict[str, Any]


def is_duration(text: str) -> bool:
    """Whether Go reads it as a duration; one with a tag is not known yet and passes."""
    return "{{" in text or _DURATION.fullmatch(text) is not None


def is_count(value: object) -> bool:
    """Whether it is a whole number that is not negative, or a tag."""
    if isinstance(value, str):
        return "{{" in value or (value.isascii() and _COUNT.fullmatch(value) is not None)
    return isinstance(value, int) and value >= 0


def check_times(template: Fields, path: str, notes: Notes) -> None:
    """The times of a template other than those of its retry strategy."""
    for name in ("timeout", "pendingTimeout"):
        text = template.get(name, "")
        if text and not is_duration(text) and not _COUNT.fullmatch(text):
            notes.error("X-09", f"{path}.{name}", f"{text!r} is no duration and the run would fail; write {_WANTED}")
    duration = template.get("suspend", {}).get("duration", "")
    if duration and not (is_duration(duration) or is_count(duration)):
        notes.error("X-09", f"{path}.suspend.duration", f"{duration!r} is no duration; write seconds or {_WANTED}")
    age = template.get("memoize", {}).get("maxAge", "")
    if age and not is_duration(age):
        notes.error("X-09", f"{path}.memoize.maxAge", f"{age!r} is no duration; write {_WANTED}")


def check_retry(strategy: Fields, path: str, notes: Notes) -> None:
    """The limit and the waiting times of a retry strategy."""
    if "limit" in strategy and not is_count(strategy["limit"]):
        limit = strategy["limit"]
        notes.error(
            "X-09", f"{path}.limit", f"{limit!r} is no number of retries; write a whole number from 0 on, or a tag"
        )
    backoff = strategy.get("backoff", {})
    for name in ("duration", "maxDuration", "cap"):
        text = backoff.get(name, "")
        if text and not (is_duration(text) or is_count(text)):
            notes.error("X-09", f"{path}.backoff.{name}", f"{text!r} is no duration; write seconds or {_WANTED}")
    if "factor" in backoff and not is_count(backoff["factor"]):
        factor = backoff["factor"]
        notes.error("X-09", f"{path}.backoff.factor", f"{factor!r} is no factor; write a whole number from 0 on")
