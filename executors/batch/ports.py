"""What a batch scheduler has to offer: four commands, and names for what it says of a job."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from dflow.engine.records import record
from dflow.executors.hosts import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.executors.batch.options import Resources

__all__ = ["Cause", "Ended", "Full", "Refused", "Scheduler", "Seen", "State", "Submission", "Unanswered"]


class Refused(Exception):
    """The scheduler will not have the job, and says why."""


class Full(Exception):
    """The scheduler takes no more jobs of this user for now."""


class State(Enum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDING = "ending"
    ENDED = "ended"
    UNKNOWN = "unknown"

    @property
    def is_active(self) -> bool:
        """The scheduler still has something to do with it, for all that is known."""
        return self in (State.WAITING, State.RUNNING, State.UNKNOWN)


class Cause(Enum):
    """Why a job ended: the words for the user, the exit code if there is no other, and whether it may run again."""

    DONE = ("it ended", 1, False)
    FAILED = ("the scheduler says that it failed", 1, False)
    TIME_LIMIT = ("the scheduler ended it: time limit", 143, False)
    OUT_OF_MEMORY = ("the scheduler ended it: out of memory", 137, False)
    CANCELLED = ("the scheduler ended it: cancelled from outside", 143, False)
    PREEMPTED = ("the scheduler ended it: preempted", 143, True)
    NODE_FAILURE = ("the scheduler ended it: node failure", 137, True)

    def __init__(self, words: str, code: int, lost: bool) -> None:
        self.words = words
        self.code = code
        self.lost = lost

    @property
    def is_outside(self) -> bool:
        """The job was ended by something that was not the job."""
        return self not in (Cause.DONE, Cause.FAILED)


@record(frozen=True, slots=True)
class Ended:
    """Why a job ended, as the scheduler knows it.

    Attributes:
        by: who cancelled it.
        code: its exit code.
    """

    cause: Cause
    by: str | None = None
    code: int | None = None

    @property
    def words(self) -> str:
        """For the user."""
        return f"{self.cause.words} by {self.by}" if self.by else self.cause.words


@record(frozen=True, slots=True)
class Seen:
    """What a query says of a job.

    Attributes:
        reason: why it waits or has ended, in the scheduler's words.
        tag: the job's name.
        ended: why, of a job that has ended.
        where: the queue that it waits in, in the scheduler's words.
    """

    state: State
    reason: str = ""
    tag: str = ""
    ended: Ended | None = None
    where: str = ""

    @property
    def waits_for(self) -> str:
        """Why it does not run yet, for the user; empty when it does."""
        if self.state is not State.WAITING:
            return ""
        reason = f": {self.reason}" if self.reason not in ("", "None") else ""
        return f"queued{' in ' if self.where else ''}{self.where}{reason}"


@record(frozen=True, slots=True)
class Submission:
    """A job to submit, or an array of jobs that differ in their index. Paths are those of the scheduler's machine.

    Attributes:
        text: the script.
        tag: the job's name, which no other job has.
        cwd: where the job works.
        log: where the scheduler puts what it says itself, and what a script prints before it has a log of its own.
        count: how many jobs an array has; their indices begin at 0. None for a job that is alone.
    """

    text: str
    tag: str
    cwd: str
    log: str
    count: int | None = None


class Scheduler(Protocol):
    """A scheduler. Commands may be called from one event loop at the same time.

    Attributes:
        name: as it stands in the file that tells of a job.
        own_id: an expression of the shell that gives, within a job, its id.
        own_variables: beginnings of the names of variables that the scheduler sets for each job.
        index: an expression of the shell that gives, within a job of an array, its index; empty where arrays are not
            submitted. Jobs of an array are told apart by ``id_index`` and ``tag_index``.
    """

    name: str
    own_id: str
    own_variables: tuple[str, ...]
    index: str

    def header(self, resources: Resources) -> list[str]:
        """The lines of a job script that say what it asks for."""
        ...

    async def submit(self, submission: Submission) -> str:
        """Submit a job, or an array of them.

        Returns:
            Its id.

        Raises:
            Refused: for good.
            Full: for now.
            Unanswered: perhaps it was submitted.
        """
        ...

    async def query(self, ids: Collection[str], *, names: bool = False) -> Mapping[str, Seen]:
        """What is known of these jobs, and perhaps of others of this user, with one command.

        A job that is not in the answer is not known to the scheduler.

        Args:
            names: others of this user are wanted for certain, to find jobs by their names.

        Raises:
            Unanswered: nothing can be said.
        """
        ...

    async def cancel(self, ids: Collection[str]) -> None:
        """Have these jobs end; one that has ended is no error.

        Raises:
            Unanswered: perhaps they end.
        """
        ...

    async def explain(self, ids: Collection[str]) -> Mapping[str, Ended]:
        """Why these jobs ended, of those that the scheduler still remembers; empty where it cannot be said."""
        ...
