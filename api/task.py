"""A task: a step of a DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from dflow.names import listed
from dflow.step import Step
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.op_template import OPTemplate

__all__ = ["Task"]


class Task(Step):
    """One use of a template in a ``DAG``.

    Args:
        dependencies: tasks, or names of tasks, that must be done before, beside those whose outputs this one uses.
        kwargs: as for :class:`dflow.Step`.
    """

    _prefix = "tasks"
    _what = "task"

    @called_by_users
    def __init__(self, name: str, template: OPTemplate, dependencies: List[Any] | None = None, **kwargs: Any) -> None:
        super().__init__(name, template, **kwargs)
        self.dependencies = listed(dependencies, f"task {name!r}: dependencies")
