"""Ways to run the program of a leaf step. Each module is one; nothing here knows of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.executors.fork import ForkExecutor, is_possible
from dflow.executors.inline import InlineExecutor
from dflow.executors.subprocess import SubprocessExecutor

if TYPE_CHECKING:
    from dflow.engine.ports import Executor
    from dflow.engine.settings import RunSettings

__all__ = ["make_executor"]


def make_executor(settings: RunSettings) -> Executor:
    """The executor for the isolation that a run asks for."""
    if settings.isolation == "inline":
        return InlineExecutor()
    if not is_possible():
        return SubprocessExecutor()
    return ForkExecutor(settings.isolation, settings.python, settings.library)
