"""What affects every step of a workflow: ``Workflow(..., context=…)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

__all__ = ["Context"]


class Context(ABC):
    """As an :class:`~dflow.executor.Executor`, for all steps; a step's own executor gets what it returns."""

    @abstractmethod
    def render(self, template: Any) -> Any:
        """The template that is run in place of this one."""
