"""The files of a batch job in the directory of its step."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.engine.records import record
from dflow.engine.state import read_text, write_json, write_text
from dflow.executors.usage import cpu_of, usage_of

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.ports import Usage

__all__ = [
    "CLAIM",
    "ENVIRONMENT",
    "EXIT",
    "INTENT",
    "SCRIPT",
    "Exit",
    "Intent",
    "claim_of",
    "claimed_id",
    "exit_of",
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
        site: the machine that the files of the job are on; empty for a file system that is shared with this one.
        there: the directory of the step on it.
        outputs: where the job was to leave its outputs, relative to the step's directory.
    """

    tag: str
    scheduler: str
    state: str = "intended"
    id: str | None = None
    options: dict[str, Any] | None = None
    site: str = ""
    there: str = ""
    outputs: tuple[str, ...] = ()

    def write(self, step: Path) -> None:
        """Replace the file."""
        fields = {"tag": self.tag, "scheduler": self.scheduler, "state": self.state, "id": self.id}
        away = {"site": self.site, "there": self.there, "outputs": list(self.outputs)} if self.site else {}
        write_json(step / INTENT, {**fields, "options": self.options or {}, **away})

    @staticmethod
    def read(step: Path) -> Intent | None:
        """What the file says; None where there is none, or it is damaged."""
        try:
            data = json.loads(read_text(step / INTENT))
            state, known = str(data["state"]), data.get("id")
            return Intent(
                tag=str(data["tag"]),
                scheduler=str(data["scheduler"]),
                state=state,
                id=known and str(known),
                options=data.get("options"),
                site=str(data.get("site", "")),
                there=str(data.get("there", step)),
                outputs=tuple(map(str, data.get("outputs", ()))),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@record(frozen=True, slots=True)
class Exit:
    """What ``.exit`` says: how a job ended, where it ran, and what it used there as far as that is known."""

    code: int
    timed_out: bool = False
    host: str | None = None
    usage: Usage | None = None


def read_exit(step: Path) -> Exit | None:
    """How the job of a step ended; None while that does not stand there."""
    try:
        return exit_of(read_text(step / EXIT))
    except OSError:
        return None


def exit_of(text: str) -> Exit | None:
    """What ``.exit`` says; None where that is damaged."""
    try:
        data = json.loads(text)
        host = data.get("host")
        usage = usage_of(str(data.get("usage"))) or cpu_of(str(data.get("times")))
        return Exit(int(data["code"]), bool(data.get("timedOut")), host and str(host), usage)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def claimed_id(step: Path) -> str | None:
    """The id of the job that runs the step; empty where a claim says none, None where there is no claim."""
    try:
        return claim_of(read_text(step / CLAIM))
    except OSError:
        return None


def claim_of(text: str) -> str:
    """The id that ``.claim`` says; empty where it says none."""
    words = text.split()
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
