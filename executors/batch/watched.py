"""A job that is waited for, and what its end means."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dflow.engine.ports import Outcome
from dflow.executors.batch.ports import Cause

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable
    from pathlib import Path

    from dflow.executors.batch.places import Exit
    from dflow.executors.batch.ports import Ended
    from dflow.executors.batch.sites import Site

__all__ = ["Watched", "is_plain", "outcome_of"]

_SIGNAL = 128
_QUIET = 60.0


class Watched:
    """A job that is waited for. Times are of the monotonic clock.

    Attributes:
        step: the directory of the step here.
        there: the same where it runs.
        site: where that is.
        tag: the name of the job, which those have in common that are submitted as one.
        id: None while it is not known whether it was submitted.
        since: when its id became known, or doubtful: what a query says that was asked before does not count.
        gone: since when the scheduler says that it is no longer active.
        doubtful: it may have been submitted more than once; its claim lets only one of them run.
        cancelling: its end is wanted, whatever it leaves.
        future: how it ended; None when it has to be submitted again.
        report: wants to know what it waits for.
    """

    __slots__ = (
        "_said", "_said_at", "cancelling", "doubtful", "future", "gone", "id", "report", "since", "site", "step", "tag",
        "there",
    )  # fmt: skip

    def __init__(self, step: Path, there: str, tag: str, site: Site, known: str | None = None) -> None:
        self.step = step
        self.site = site
        self.there = there
        self.tag = tag
        self.id = known
        self.since = 0.0
        self.gone: float | None = None
        self.doubtful = False
        self.cancelling = False
        self.future: Future[Outcome | None] | None = None
        self.report: Callable[[str], None] | None = None
        self._said, self._said_at = "", float("-inf")

    def tell(self, text: str) -> None:
        """Report what it waits for, if that is news; other reasons to wait not more than once a minute."""
        now = time.monotonic()
        if self.report is not None and text != self._said and (not text or now - self._said_at >= _QUIET):
            self._said, self._said_at = text, now if text else float("-inf")
            self.report(text)

    def end(self, outcome: Outcome | None) -> None:
        """Tell who waits."""
        self.tell("")
        if self.future is not None and not self.future.done():
            self.future.set_result(outcome)


def is_plain(left: Exit) -> bool:
    """Whether a result says all: nobody from outside can have been the reason."""
    return left.code <= _SIGNAL or left.timed_out


def outcome_of(left: Exit | None, ended: Ended | None) -> Outcome:
    """How a job ended that is no longer active: what it left counts, what the scheduler says explains it."""
    if left is not None:
        if is_plain(left) or ended is None or not ended.cause.is_outside:
            return Outcome(left.code, timed_out=left.timed_out, usage=left.usage, host=left.host)
        return replace(_ended(left.code, ended), usage=left.usage, host=left.host)
    if ended is None:
        return Outcome(1, message="the scheduler no longer knows the job, and it left no result", lost=True)
    code = ended.code or ended.cause.code
    if ended.cause is Cause.DONE:
        return Outcome(code, message="the scheduler says that the job ended, but it left no result", lost=True)
    return _ended(code, ended)


def _ended(code: int, ended: Ended) -> Outcome:
    if ended.cause.lost:
        return Outcome(code, message=f"{ended.words} (exit code {code})", lost=True)
    return Outcome(code, hint=ended.words)
