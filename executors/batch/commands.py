"""What the adapters of schedulers share: how their commands are called, and what their answers mean."""

from __future__ import annotations

import math
import posixpath
from typing import TYPE_CHECKING

from dflow.executors.batch.ports import Full, Refused, Unanswered
from dflow.executors.hosts import Here

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Sequence

    from dflow.executors.hosts import Host, Said

__all__ = ["Commands", "beside", "clock", "marked", "why_no_job"]


class Commands:
    """The commands of a scheduler.

    Args:
        host: the machine that has them; this one unless given.
        patience: how long a command may take, in seconds.
    """

    def __init__(self, host: Host | None = None, patience: float = 60.0) -> None:
        self.host: Host = host or Here()
        self._patience = patience

    async def _say(self, *argv: str, given: str = "") -> Said:
        return await self.host.say(argv, patience=self._patience, given=given.encode())

    async def _cancel_with(self, command: str, ids: Collection[str], silent: re.Pattern[str]) -> None:
        """Cancel jobs; of those that have ended the command says so, which is no error."""
        said = await self._say(*command.split(), *ids)
        if said.code != 0 and silent.search(said.words):
            raise Unanswered(said.words)


def why_no_job(said: Said, full: re.Pattern[str], silent: re.Pattern[str], words: str | None = None) -> Exception:
    """The error that an answer to a submission is which names no job.

    Args:
        full: what a scheduler says that takes no more jobs for now.
        silent: what its command says when it does not answer.
        words: of a refusal, where they are not those of the answer.
    """
    if full.search(said.words):
        return Full(said.words)
    if said.code == 0 or silent.search(said.words):
        return Unanswered(said.words)
    return Refused(words or said.words)


def beside(log: str) -> str:
    """Where a scheduler's own words go that would write over a log; of an array, nowhere."""
    return log if log == "/dev/null" else posixpath.join(posixpath.dirname(log), ".job.out")


def marked(mark: str, lines: Sequence[str]) -> list[str]:
    """Lines for the head of a job script, with the scheduler's mark where they begin with none."""
    return [line if line.startswith("#") else f"{mark} {line}" for line in lines]


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, rounded up to whole minutes, in which schedulers count."""
    minutes = max(math.ceil(seconds / 60), 1)
    return f"{minutes // 60}:{minutes % 60:02}:00"
