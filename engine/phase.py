"""Phases of nodes and of workflows: an enum that knows things."""

from __future__ import annotations

from enum import Enum

__all__ = ["Phase"]


class Phase(str, Enum):
    """Where a node or a workflow stands; the value is the word users see and scripts compare with.

    Skipped: its ``when`` was false. Omitted: what it depends on did not come about. Both count as success
    for the workflow. Failed: the program failed. Error: the machinery around it failed (a bad expression,
    a missing output). Terminated is a phase of workflows alone.
    """

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    OMITTED = "Omitted"
    FAILED = "Failed"
    ERROR = "Error"
    TERMINATED = "Terminated"

    __hash__ = str.__hash__  # equal to its word, and quicker than what an enum has

    def __str__(self) -> str:
        return self.value

    @property
    def is_final(self) -> bool:
        """It will not change any more."""
        return self not in (Phase.PENDING, Phase.RUNNING)

    @property
    def is_ok(self) -> bool:
        """Final, and what comes after may go on."""
        return self in (Phase.SUCCEEDED, Phase.SKIPPED, Phase.OMITTED)

    @property
    def is_failure(self) -> bool:
        """Final, and somebody has to look at it."""
        return self in (Phase.FAILED, Phase.ERROR, Phase.TERMINATED)

    @property
    def symbol(self) -> str:
        """One character for lists on a terminal."""
        return _SYMBOLS[self.value]


_SYMBOLS = {
    "Pending": "◷",
    "Running": "●",
    "Succeeded": "✔",
    "Skipped": "○",
    "Omitted": "○",
    "Failed": "✖",
    "Error": "⚠",
    "Terminated": "■",
}
