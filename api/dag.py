"""DAG: a template of tasks in the order of their dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from dflow import building
from dflow.engine.errors import WrongType
from dflow.group_template import GroupTemplate
from dflow.names import listed
from dflow.task import Task
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.io import Inputs, Outputs

__all__ = ["DAG"]


class DAG(GroupTemplate):
    """A template made of tasks; a task waits for those whose outputs it mentions.

    ``with DAG(...)`` takes the tasks that are made in the block.

    Args:
        tasks: the tasks, in any order.
        parallelism: how many of its tasks may run at once.

    Attributes:
        retry_strategy: when all of it is run again, as for a script template, such as ``{"limit": 2}``; so are
            ``retry_on_failure``, ``retry_on_error`` and ``retry_on_failure_and_error``, the number of retries.
        fail_fast: start no more tasks after one has failed (default: ``config["debug_failfast"]``).
    """

    _takes_tasks = True

    @called_by_users
    def __init__(
        self,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        tasks: List[Task] | None = None,
        memoize_key: str | None = None,
        annotations: Dict[str, str] | None = None,
        parallelism: int | None = None,
    ) -> None:
        super().__init__(name=name, inputs=inputs, outputs=outputs, memoize_key=memoize_key, annotations=annotations)
        self.parallelism = parallelism
        self.tasks: List[Any] = []
        for task in listed(tasks, f"dag {self.name!r}: tasks"):
            self.add(task)

    def _base_name(self) -> str:
        return "dag" if type(self) is DAG else super()._base_name()

    @called_by_users
    def add(self, task: Task | List[Task]) -> None:
        """Add a task or a list of tasks."""
        for item in task if isinstance(task, (list, tuple)) else [task]:
            if not isinstance(item, Task):
                raise WrongType(f"DAG.add takes a Task or a list of Task, such as Task('name', template), not {item!r}")
            building.claim(item)
            self.tasks.append(item)
