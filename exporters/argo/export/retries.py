"""Retry strategies (RT-01 to RT-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dflow.engine.model import Retry
    from dflow.exporters.argo.export.context import Context

__all__ = ["retry_of", "seconds"]

_TRANSIENT = "asInt(lastRetry.exitCode) == 75"
_LATE = "lastRetry.message matches '(?i)deadline|time limit'"


def retry_of(retry: Retry | None, context: Context) -> dict[str, Any]:
    """The field ``retryStrategy``, where there is one.

    Our runtime ends with status 75 for a transient error, so the strategy asks for that. The policy is always there:
    its default is not the same in all versions of Argo.
    """
    if retry is None:
        return {}
    conditions = []
    if retry.on == ("transient",):
        conditions.append(f"({_TRANSIENT} || {_LATE})" if retry.timeout_is_transient else _TRANSIENT)
    if retry.expression is not None:
        conditions.append(f"({retry.expression})" if conditions else retry.expression)
    made: dict[str, Any] = {} if retry.limit is None else {"limit": str(retry.limit)}
    made["retryPolicy"] = _policy(set(retry.on))
    if conditions:
        made["expression"] = " && ".join(conditions)
    backoff: dict[str, Any] = {}
    if retry.wait:
        backoff["duration"] = seconds(retry.wait)
        if retry.factor != 1:
            if retry.factor != int(retry.factor):
                context.problems.append(f"a backoff factor of {retry.factor:g}: Argo takes whole numbers only")
            backoff["factor"] = str(int(retry.factor))
        if retry.wait_at_most is not None:
            backoff["cap"] = seconds(retry.wait_at_most)
    if retry.max_duration is not None:
        backoff["maxDuration"] = seconds(retry.max_duration)
    return {"retryStrategy": {**made, **({"backoff": backoff} if backoff else {})}}


def _policy(on: set[str]) -> str:
    """What is worth another attempt; a transient error is a failure of a certain status."""
    if "error" in on:
        return "OnError" if on == {"error"} else "Always"
    return "OnFailure"


def seconds(number: float) -> str:
    """Seconds as Go writes a duration."""
    return f"{int(number)}s" if number == int(number) else f"{round(number * 1000)}ms"
