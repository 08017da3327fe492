"""Whether a leaf step that did not succeed is tried again, and when (RT-01 to RT-06)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from dflow.engine.model import Retry
    from dflow.engine.node import Node

__all__ = ["delay_before_retry", "is_transient"]

TRANSIENT_EXIT_CODE = 75


def is_transient(node: Node, *, timed_out: bool, retry: Retry) -> bool:
    """Whether the failure says that trying again may help."""
    return node.exit_code == TRANSIENT_EXIT_CODE or (timed_out and retry.timeout_is_transient)


def delay_before_retry(retry: Retry | None, node: Node, phase: Phase, retries: int, *, timed_out: bool) -> float | None:
    """Seconds to wait before the next attempt; None for no further attempt.

    Args:
        retries: how many retries there were already.

    Raises:
        ExpressionError: the strategy's expression is wrong.
    """
    if retry is None or not phase.is_failure or (retry.limit is not None and retries >= retry.limit):
        return None
    kinds = {"failure": phase is Phase.FAILED, "error": phase is Phase.ERROR}
    kinds["transient"] = phase is Phase.FAILED and is_transient(node, timed_out=timed_out, retry=retry)
    if not any(kinds.get(kind) for kind in retry.on):
        return None
    if retry.expression is not None and not expressions.evaluate_bool(retry.expression, _names(node, phase, retries)):
        return None
    wait = retry.wait * retry.factor**retries
    return wait if retry.wait_at_most is None else min(wait, retry.wait_at_most)


def _names(node: Node, phase: Phase, retries: int) -> dict[str, str]:
    """What an expression can ask for; all texts, durations in whole seconds (RT-02)."""
    seconds = int((node.finished or 0) - (node.started or 0))
    return {
        "retries": str(retries),
        "lastRetry.exitCode": "-1" if node.exit_code is None else str(node.exit_code),
        "lastRetry.status": phase.value,
        "lastRetry.duration": str(seconds),
        "lastRetry.message": node.message,
    }
