"""Steps: a template of steps one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List

from dflow import building
from dflow.engine.errors import WrongType
from dflow.group_template import GroupTemplate
from dflow.names import listed
from dflow.step import Step
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.io import Inputs, Outputs

__all__ = ["Steps"]


class Steps(GroupTemplate):
    """A template made of steps; ``with Steps(...)`` takes the steps that are made in the block.

    Args:
        steps: steps, or lists of steps that run side by side.
        parallelism: how many of its steps may run at once.

    Attributes:
        retry_strategy: when all of it is run again, as for a script template, such as ``{"limit": 2}``; so are
            ``retry_on_failure``, ``retry_on_error`` and ``retry_on_failure_and_error``, the number of retries.
        fail_fast: start no more steps after one has failed (default: ``config["debug_failfast"]``).
    """

    @called_by_users
    def __init__(
        self,
        name: str | None = None,
        inputs: Inputs | None = None,
        outputs: Outputs | None = None,
        steps: List[Any] | None = None,
        memoize_key: str | None = None,
        annotations: Dict[str, str] | None = None,
        parallelism: int | None = None,
    ) -> None:
        super().__init__(name=name, inputs=inputs, outputs=outputs, memoize_key=memoize_key, annotations=annotations)
        self.parallelism = parallelism
        self.steps: List[Any] = []
        for step in listed(steps, f"steps {self.name!r}: steps"):
            self.add(step)

    def _base_name(self) -> str:
        return "steps" if type(self) is Steps else super()._base_name()

    @called_by_users
    def add(self, step: Step | List[Step]) -> None:
        """Add a step, or a list of steps that run side by side, after those that are there."""
        group = list(step) if isinstance(step, (list, tuple)) else [step]
        for item in group:
            if not isinstance(item, Step):
                raise WrongType(
                    f"Steps.add takes a Step or a list of Step, such as Step('name', template), not {item!r}"
                )
        building.claim(group)
        self.steps.append(group if isinstance(step, (list, tuple)) else step)
