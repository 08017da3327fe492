"""Retry strategies (RT-01 to RT-06)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.engine.expressions import names
from dflow.engine.model import Retry

if TYPE_CHECKING:
    from dflow.exporters.argo.load.context import Context

__all__ = ["retry_of"]

_POLICIES = {
    "OnFailure": ("failure",),
    "OnError": ("error",),
    "Always": ("failure", "error"),
    "OnTransientError": ("transient",),
}

_LATE = ("retries", "lastRetry")
_PARAMETERS = "workflow.parameters."

Fields = dict[str, Any]


def retry_of(strategy: Fields | None, context: Context) -> Retry | None:
    """The retry strategy of a template; None without one."""
    if strategy is None:
        return None
    with context.book.at("retryStrategy"):
        expression = _expression(context.fixed(strategy.get("expression", ""), "expression").strip(), context) or None
        policy = strategy.get("retryPolicy") or ("Always" if expression else "OnFailure")
        backoff = strategy.get("backoff", {})
        factor = context.count(backoff.get("factor", 1), "backoff.factor")
        if strategy.get("affinity"):
            context.book.note("affinity of retries is not used here")
        return Retry(
            limit=context.count(strategy["limit"], "limit") if "limit" in strategy else None,
            on=_POLICIES[policy],
            expression=expression,
            wait=context.seconds(backoff.get("duration", ""), "backoff.duration") or 0.0,
            factor=float(factor or 1),
            wait_at_most=context.seconds(backoff.get("cap", ""), "backoff.cap"),
            max_duration=context.seconds(backoff.get("maxDuration", ""), "backoff.maxDuration"),
        )


def _expression(source: str, context: Context) -> str:
    """An expression over ``retries`` and ``lastRetry`` alone: what it asks of the workflow is put before it."""
    found = {".".join(path) for path in names(source) if path[0] not in _LATE} if source else set()
    unknown = sorted(name for name in found if name not in context.names)
    if unknown:
        context.book.problem(
            f"expression asks for {', '.join(unknown)}; here it can ask for retries, lastRetry and parameters of the"
            " workflow"
        )
    if not found or unknown:
        return source
    values = {name.removeprefix(_PARAMETERS): context.names[name] for name in sorted(found)}
    return f"let workflow = {{parameters: {json.dumps(values, ensure_ascii=False)}}}; {source}"
