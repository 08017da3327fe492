"""The ids of runs on this machine, and the one that ``dflow run --id`` gives to a script's workflow."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING

from dflow.engine.errors import ConfigError, StateError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["checked_id", "offer_id", "offered_id", "refuse_on_server", "take_id"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")
_offered: dict[int, str] = {}
"""The id that nobody has taken yet, by the process that it was offered in: its children do not take it."""
_taking = threading.Lock()


def checked_id(name: str) -> str:
    """The id itself.

    Raises:
        ConfigError: no run can have it.
    """
    if not _ID.match(name):
        raise ConfigError(
            f"the id {name!r} must consist of letters, digits, '-', '_' and '.', and begin with a letter or digit"
        )
    return name


def offer_id(name: str) -> None:
    """Have the first workflow that this process submits without an id of its own take this one."""
    _offered[os.getpid()] = checked_id(name)


def offered_id() -> str | None:
    """The id that was offered, as long as no workflow has it."""
    return _offered.get(os.getpid())


def take_id(own: str | None, name: str, root: Path) -> str | None:
    """The id that was offered, for a workflow that is submitted now; None where there is none for it.

    Args:
        own: the id that it has already; if that is the same, none is on offer any more.
        name: of the workflow.
        root: where runs are made.

    Raises:
        StateError: the run of that id is one of another workflow; it stays as it is.
    """
    from dflow.nested import enclosing_step

    with _taking:
        wanted = offered_id()
        if wanted is None or own not in (None, wanted) or enclosing_step() is not None:
            return None
        del _offered[os.getpid()]
    if own is None:
        _check_name(wanted, name, root / wanted)
    return wanted


def _check_name(wanted: str, name: str, place: Path) -> None:
    from dflow.engine.layout import RunLayout, is_run
    from dflow.engine.run_directory import load_graph

    if is_run(place) and (there := load_graph(RunLayout(place)).name) != name:
        raise StateError(f"{wanted} is a run of the workflow {there!r}, not of {name!r}: choose another id")


def refuse_on_server() -> None:
    """Say that a workflow that goes to a server cannot take the id that was offered.

    Raises:
        UnsupportedError: one was.
    """
    if offered_id() is not None:
        raise UnsupportedError(
            "--id is for runs of this machine, which it goes on with; to an Argo server a workflow is always submitted "
            "anew: name it with Workflow(…, id=…), or use wf.retry()"
        )
