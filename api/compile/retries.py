"""Retries, from the arguments of templates to the graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.model import Retry

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.op_template import OPTemplate

__all__ = ["retry_of"]

_ARGUMENTS = {
    "retry_on_transient_error": ("transient",),
    "retry_on_failure": ("failure",),
    "retry_on_error": ("error",),
    "retry_on_failure_and_error": ("failure", "error"),
}
_POLICIES = {
    "OnFailure": ("failure",),
    "OnError": ("error",),
    "Always": ("failure", "error"),
    "OnTransientError": ("transient",),
}
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_of(template: OPTemplate, problems: Problems) -> Retry | None:
    """The retry strategy of a template; None for no retries."""
    for argument, kinds in _ARGUMENTS.items():
        limit = getattr(template, argument, None)
        if limit is not None:
            late = bool(getattr(template, "timeout_as_transient_error", False))
            return Retry(limit=_count(argument, limit, problems), on=kinds, timeout_is_transient=late)
    strategy: Any = getattr(template, "retry_strategy", None)
    if strategy is None or isinstance(strategy, Retry):
        return strategy
    return _from_argo(strategy, problems)


def _from_argo(strategy: Any, problems: Problems) -> Retry | None:
    """Argo's own form, as a dict or an object: limit, retryPolicy, expression, backoff (RT-01, RT-04)."""
    fields = _Fields(strategy)
    expression = fields.get("expression")
    policy = fields.get("retryPolicy", "retry_policy") or ("Always" if expression else "OnFailure")
    backoff = _Fields(fields.get("backoff") or {})
    with problems.at("retry_strategy"):
        if policy not in _POLICIES:
            problems.add(f"retryPolicy is {policy!r}; it must be one of {', '.join(_POLICIES)}")
            return None
        if expression is not None:
            try:
                expressions.parse(expression)
            except ExpressionError as exc:
                problems.add(str(exc))
        limit, longest = fields.get("limit"), backoff.get("maxDuration", "max_duration")
        return Retry(
            limit=None if limit is None else _count("limit", limit, problems),
            on=_POLICIES[policy],
            expression=expression,
            wait=_seconds(backoff.get("duration") or 0, problems),
            factor=float(backoff.get("factor") or 1),
            wait_at_most=None if backoff.get("cap") is None else _seconds(backoff.get("cap"), problems),
            max_duration=None if longest is None else _seconds(longest, problems),
        )


class _Fields:
    """A dict or an object, asked by any of several names."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def get(self, *names: str) -> Any:
        for name in names:
            found = self._source.get(name) if isinstance(self._source, dict) else getattr(self._source, name, None)
            if found is not None:
                return found
        return None


def _count(what: str, given: Any, problems: Problems) -> int:
    try:
        number = int(given)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        problems.add(f"{what} is {given!r}; it must be a number of retries, 0 or more")
        return 0
    return number


def _seconds(given: Any, problems: Problems) -> float:
    """A number of seconds, or a text such as ``"10s"``, ``"2m"``."""
    match = re.fullmatch(r"([0-9.]+)([smh]?)", str(given))
    if match is None:
        problems.add(f"{given!r} is no duration; write seconds, or a text such as '10s' or '2m'")
        return 0.0
    return float(match[1]) * _UNITS[match[2]]
