"""The verbs ``watch`` and ``top``: runs as they go on, of whatever process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.cli.find import find_run

if TYPE_CHECKING:
    import argparse

__all__ = ["top", "watch"]

_INTERRUPTED = 130


def watch(options: argparse.Namespace) -> int:
    """Show a run until it has ended; 1 when it has failed. ``q`` and Ctrl-C leave the run alone."""
    from dflow.terminal.watching import watch_run

    layout = find_run(options.id)
    try:
        phase = watch_run(layout, plain=options.plain)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 1 if phase is not None and phase.is_failure else 0


def top(options: argparse.Namespace) -> int:
    """Show the runs of a directory that go on; in a terminal until ``q`` is pressed."""
    from dflow.terminal.top import show_top

    try:
        show_top(options.dir, as_json=bool(getattr(options, "json", False)))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0
