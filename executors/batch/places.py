"""The files of a batch job in the directory of its step."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.engine.records import record
from dflow.engine.state import read_text, write_json, write_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CLAIM",
    "ENVIRONMENT",
    "EXIT",
    "INTENT",
    "SCRIPT",
    "Exit",
    "Intent",
    "claimed_id",
    "forbid",
    "read_exit",
    "write_script",
]

INTENT, SCRIPT, ENVIRONMENT, CLAIM, EXIT = ".job", ".job.sh", ".job.env", ".claim", ".exit"


@record(frozen=True, slots=True)
class Intent:
    """What ``.job`` says: that a job is to be, and, once it is known, its id.

    Attributes:
        state: ``"intended"``, ``"submitted"``, ``"cancelling"`` or ``"cancelled"``.
    """

    tag: str
    scheduler: str
    state: str = "intended"
    id: str | None = None
    options: dict[str, Any] | None = None

    def write(self, step: Path) -> None:
        """Replace the file."""
        fields = {"tag": self.tag, "scheduler": self.scheduler, "state": self.state, "id": self.id}
        write_json(step / INTENT, {**fields, "options": self.options or {}})

    @staticmethod
    def read(step: Path) -> Intent | None:
        """What the file says; None where there is none, or it is damaged."""
        try:
            data = json.loads(read_text(step / INTENT))
            state, known = str(data["state"]), data.get("id")
            return Intent(str(data["tag"]), str(data["scheduler"]), state, known and str(known), data.get("options"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@record(frozen=True, slots=True)
class Exit:
    """What ``.exit`` says: how a job ended."""

    code: int
    timed_out: bool = False


def read_exit(step: Path) -> Exit | None:
    """How the job of a step ended; None while that does not stand there."""
    try:
        data = json.loads(read_text(step / EXIT))
        return Exit(int(data["code"]), bool(data.get("timedOut")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def claimed_id(step: Path) -> str | None:
    """The id of the job that runs the step; empty where a claim says none, None where there is no claim."""
    try:
        words = read_text(step / CLAIM).split()
    except OSError:
        return None
    return words[0] if len(words) > 1 else ""


def forbid(step: Path) -> None:
    """No job begins the step from now on; one that runs already is not concerned."""
    try:
        os.close(os.open(step / CLAIM, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:  # it is claimed, or nothing can be written: then no job can claim it either
        return


def write_script(step: Path, script: str, environment: str) -> None:
    """Write what a job needs. Variables may be secret."""
    write_text(step / ENVIRONMENT, environment, mode=0o600)
    write_text(step / SCRIPT, script, mode=0o700)
