"""What went wrong in an OP: the user's own part of the traceback, and the reason for the engine."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow.engine.errors import DflowError
from dflow.python.errors import FatalError, TransientError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DEBUGGER", "GroupFailed", "failure_of", "kind_of", "stop_at", "summary", "trimmed", "write_error"]

DEBUGGER = "DFLOW_PDB"
"""The variable that asks for a debugger in one step: it holds what the step's own variable holds."""


class GroupFailed(DflowError):
    """Some slices of a group failed.

    Attributes:
        kind: transient when all of them did so for a transient reason, fatal when one did for a fatal one.
    """

    def __init__(self, failures: List[Dict[str, Any]], count: int) -> None:
        first = failures[0]
        kinds = {failure["kind"] for failure in failures}
        self.kind = "transient" if kinds == {"transient"} else "fatal" if "fatal" in kinds else "exception"
        super().__init__(f"{len(failures)} of {count} slices failed; slice {first['order']}: {first['message']}")


def kind_of(exc: BaseException) -> str:
    """Whether an error is transient, fatal or neither (``exception``)."""
    if isinstance(exc, GroupFailed):
        return exc.kind
    return "transient" if isinstance(exc, TransientError) else "fatal" if isinstance(exc, FatalError) else "exception"


def failure_of(order: int, exc: BaseException) -> Dict[str, Any]:
    """An error of one slice as plain data, to be sent to another process."""
    message = summary(exc)
    if DEBUGGER in os.environ:
        sys.stderr.write(trimmed(exc))
        stop_at(exc)
    if isinstance(exc, SystemExit):
        message = f"it called sys.exit({exc.code!r}) before it returned its outputs"
    return {"order": order, "message": message, "kind": kind_of(exc), "trace": trimmed(exc)}


def stop_at(exc: BaseException) -> None:
    """Open the debugger where an error was raised, in the step that somebody debugs; not in runs that it submits."""
    if os.environ.get(DEBUGGER) != os.environ.get("DFLOW_STEP_PATH"):
        return
    import bdb
    import pdb  # noqa: T100 - it is what dflow debug --pdb asks for

    if not isinstance(exc, (SystemExit, bdb.BdbQuit)):
        pdb.post_mortem(exc.__traceback__)


def trimmed(exc: BaseException) -> str:
    """The traceback without our own frames."""
    frames = [frame for frame, module in _frames(exc) if not module.startswith("dflow.")]
    if not frames:
        return summary(exc) + "\n"
    before = ""
    cause = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
    if cause is not None:
        link = "direct cause of" if exc.__cause__ is not None else "handled when this happened, before"
        before = trimmed(cause) + "\n(the above was the " + link + " the following)\n\n"
    lines = traceback.format_list(traceback.StackSummary.from_list(frames))
    return before + "Traceback (most recent call last):\n" + "".join(lines) + summary(exc) + "\n"


def _frames(exc: BaseException) -> List[Tuple[Any, str]]:
    summaries = traceback.extract_tb(exc.__traceback__)
    modules = [str(frame.f_globals.get("__name__", "")) for frame, _ in traceback.walk_tb(exc.__traceback__)]
    return list(zip(summaries, modules))


def summary(exc: BaseException) -> str:
    """The last line of a traceback; our own errors speak for themselves."""
    if isinstance(exc, DflowError):
        return str(exc)
    text = str(exc)
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__


def write_error(step: Path, message: str, kind_of_error: str, kind: str) -> None:
    data = {"message": message, "type": kind_of_error, "kind": kind}
    with open(str(step / ".error"), "w", encoding="utf-8", errors="replace") as stream:
        json.dump(data, stream)
