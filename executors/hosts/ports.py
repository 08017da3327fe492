"""What a machine has to offer: to run a command, and to pass a stream to one or take one from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Host", "Said", "Unanswered", "Unreachable"]


class Unanswered(Exception):
    """The machine, or a program on it, did not answer: what it was told to do may have been done, or not."""


class Unreachable(Exception):
    """The machine will not have this user, or is not the one that it was: to try again is of no use."""


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


class Host(Protocol):
    """A machine. Its methods may be called from one event loop at the same time.

    Attributes:
        name: for messages, and to know the machine again; empty for this one.
    """

    name: str

    async def say(self, argv: Sequence[str], *, patience: float, given: bytes = b"") -> Said:
        """Run a command, which is given something to read, and wait for its end.

        Raises:
            Unanswered: it could not be started, or took too long.
            Unreachable: nothing can be started there.
        """
        ...

    async def pipe(self, argv: Sequence[str], *, source: int | None = None, sink: int | None = None) -> Said:
        """Run a command that reads from one file descriptor, or writes to another; they are closed after it.

        Raises:
            Unanswered: it could not be started, or the connection broke.
            Unreachable: nothing can be started there.
        """
        ...

    async def user(self) -> str:
        """The name of the user there."""
        ...

    async def expanded(self, path: str) -> str:
        """An absolute path there; a leading ``~`` is the user's home."""
        ...

    async def close(self) -> None:
        """End what is kept open. It may be used again."""
        ...
