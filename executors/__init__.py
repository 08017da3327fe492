"""Ways to run the program of a leaf step. Each module is one; nothing here knows of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.engine.ports import Executor
    from dflow.engine.settings import RunSettings
    from dflow.executors.first import First

__all__ = ["make_executor"]


def make_executor(settings: RunSettings, ahead: First | None = None) -> Executor:
    """The executor for the isolation that a run asks for.

    Args:
        ahead: the first server of processes, where it was started already.
    """
    if settings.isolation == "inline":
        from dflow.executors.inline import InlineExecutor

        return InlineExecutor()
    from dflow.executors.first import is_possible

    if not is_possible():
        from dflow.executors.subprocess import SubprocessExecutor

        return SubprocessExecutor()
    from dflow.executors.fork import ForkExecutor

    return ForkExecutor(settings.isolation, settings.python, settings.library, ahead)
