"""Whether a step that did not succeed is tried again, and when (RT-01 to RT-06)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Retry
    from dflow.engine.node import Node

__all__ = ["FIRST_ATTEMPT", "attempt_names", "delay_before_retry", "is_transient"]

TRANSIENT_EXIT_CODE = 75
FIRST_ATTEMPT: Mapping[str, str] = {
    "retries": "0",
    "lastRetry.exitCode": "0",
    "lastRetry.status": "",
    "lastRetry.duration": "0",
    "lastRetry.message": "",
}
"""What ``retries`` and ``lastRetry.*`` are in the first attempt (RT-03)."""


def is_transient(node: Node, *, timed_out: bool, retry: Retry) -> bool:
    """Whether the failure says that trying again may help."""
    return node.exit_code == TRANSIENT_EXIT_CODE or (timed_out and retry.timeout_is_transient)


def delay_before_retry(
    retry: Retry | None, node: Node, phase: Phase, retries: int, *, began: float, timed_out: bool = False
) -> float | None:
    """Seconds to wait before the next attempt; None for no further attempt.

    Args:
        node: the attempt that has ended, with its times, exit code and message.
        retries: how many retries there were already.
        began: when the first attempt started.

    Raises:
        ExpressionError: the strategy's expression is wrong.
    """
    if retry is None or not phase.is_failure or (retry.limit is not None and retries >= retry.limit):
        return None
    kinds = {"failure": phase is Phase.FAILED, "error": phase is Phase.ERROR}
    kinds["transient"] = phase is Phase.FAILED and is_transient(node, timed_out=timed_out, retry=retry)
    if not any(kinds.get(kind) for kind in retry.on):
        return None
    if retry.expression is not None and not expressions.evaluate_bool(
        retry.expression, attempt_names(node, phase, retries)
    ):
        return None
    wait = retry.wait * retry.factor**retries
    wait = wait if retry.wait_at_most is None else min(wait, retry.wait_at_most)
    if retry.max_duration is not None and time.time() + wait > began + retry.max_duration:  # RT-04
        return None
    return wait


def attempt_names(node: Node, phase: Phase, retries: int) -> dict[str, str]:
    """What an expression can ask for; all texts, durations in whole seconds (RT-02)."""
    seconds = int((node.finished or 0) - (node.started or 0))
    return {
        "retries": str(retries),
        "lastRetry.exitCode": "-1" if node.exit_code is None else str(node.exit_code),
        "lastRetry.status": phase.value,
        "lastRetry.duration": str(seconds),
        "lastRetry.message": node.message,
    }
