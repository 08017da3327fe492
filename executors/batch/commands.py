"""Commands of schedulers: run without a shell, and never for longer than they may take."""

from __future__ import annotations

import math
import os
import pwd
from typing import TYPE_CHECKING

import anyio
from dflow.engine.records import record
from dflow.executors.batch.ports import Full, Refused, Unanswered

if TYPE_CHECKING:
    import re
    from collections.abc import Collection, Sequence

__all__ = ["Said", "cancel_with", "clock", "marked", "say", "user", "why_no_job"]


@record(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    output: str
    errors: str

    @property
    def words(self) -> str:
        """What it says is wrong, on one line."""
        text = self.errors.strip() or self.output.strip() or f"exit status {self.code}"
        return " ".join(text.split())


async def say(argv: Sequence[str], *, patience: float, given: bytes = b"") -> Said:
    """Run a command, which is given something to read, and wait for its end.

    Raises:
        Unanswered: it could not be started, or took too long.
    """
    try:
        with anyio.fail_after(patience):
            done = await anyio.run_process(list(argv), input=given, check=False)
    except TimeoutError as exc:
        raise Unanswered(f"{argv[0]} did not answer within {patience:g} s") from exc
    except OSError as exc:
        raise Unanswered(f"cannot run {argv[0]}: {exc.strerror or exc}") from exc
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


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


async def cancel_with(command: str, ids: Collection[str], silent: re.Pattern[str], *, patience: float) -> None:
    """Cancel jobs; of those that have ended the command says so, which is no error.

    Raises:
        Unanswered: the scheduler does not answer.
    """
    said = await say((command, *ids), patience=patience)
    if said.code != 0 and silent.search(said.words):
        raise Unanswered(said.words)


def marked(mark: str, lines: Sequence[str]) -> list[str]:
    """Lines for the head of a job script, with the scheduler's mark where they begin with none."""
    return [line if line.startswith("#") else f"{mark} {line}" for line in lines]


def user() -> str:
    """The name of this user, whatever the environment says."""
    return pwd.getpwuid(os.getuid()).pw_name


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, rounded up to whole minutes, in which schedulers count."""
    minutes = max(math.ceil(seconds / 60), 1)
    return f"{minutes // 60}:{minutes % 60:02}:00"
