"""Commands of schedulers: run without a shell, and never for longer than they may take."""

from __future__ import annotations

import math
import os
import pwd
from typing import TYPE_CHECKING

import anyio
from dflow.engine.records import record
from dflow.executors.batch.ports import Unanswered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Said", "clock", "say", "user"]


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


def user() -> str:
    """The name of this user, whatever the environment says."""
    return pwd.getpwuid(os.getuid()).pw_name


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, rounded up to whole minutes, in which schedulers count."""
    minutes = max(math.ceil(seconds / 60), 1)
    return f"{minutes // 60}:{minutes % 60:02}:00"
