"""Whether anybody is to be told what happens in a run. What does that is imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow import nested
from dflow.config import config
from dflow.engine.state import write_json

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.observers.feed import Feed

__all__ = ["checked_observers", "keep_observers", "open_feed"]


def checked_observers(detach: bool) -> list[str]:
    """The import paths of the observers of ``config``; of what a step submits none: they hear of the step.

    Raises:
        ConfigError: one of them is no observer, or none for a detached run.
    """
    if not config["observers"] or nested.enclosing_step() is not None:
        return []
    from dflow.observers import chosen

    return chosen.checked_observers(detach=detach)


def keep_observers(layout: RunLayout, paths: list[str]) -> None:
    """Keep them in a run directory, for who goes on with the run.

    Raises:
        StateError: the file system refuses.
    """
    if paths:
        write_json(layout.observers, paths)
    else:
        layout.observers.unlink(missing_ok=True)


def open_feed(layout: RunLayout) -> Feed | None:
    """What tells observers of a run, those of ``config`` or else those that are kept; None without any."""
    if not (config["observers"] or layout.observers.exists()) or nested.enclosing_step() is not None:
        return None
    from dflow.observers import chosen

    return chosen.open_feed(layout)
