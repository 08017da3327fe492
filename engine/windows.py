"""How many copies of a looped call are begun at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.model import DagTemplate, StepsTemplate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.loop import Limits
    from dflow.engine.model import Call, Template

__all__ = ["Windows"]

_FEWEST = 64
_AWAY = 1000
"""Jobs of other machines take no place of this one. More in a queue would not begin sooner, and fills it for others."""


class Windows:
    """Enough copies for all places to be taken, and no more: each of them is a node in memory.

    Args:
        is_elsewhere: whether the program of a call runs on another machine.
    """

    def __init__(self, templates: Mapping[str, Template], limits: Limits, is_elsewhere: Callable[[Call], bool]) -> None:
        self._templates, self._limits, self._is_elsewhere = templates, limits, is_elsewhere
        self._away: dict[str, bool] = {}

    def of(self, call: Call) -> int | None:
        """The number for a looped call; None for no limit."""
        if self._limits.here is None:
            return None
        fewest = _AWAY if self._limits.total is None and self._leads_away(call) else _FEWEST
        return max(2 * self._limits.here, fewest)

    def _leads_away(self, call: Call) -> bool:
        """Whether it, or a call inside of it, is run on another machine."""
        if self._is_elsewhere(call):
            return True
        if call.template not in self._away:
            self._away[call.template] = False  # for templates that call themselves
            self._away[call.template] = any(map(self._leads_away, _calls(self._templates[call.template])))
        return self._away[call.template]


def _calls(template: Template) -> tuple[Call, ...]:
    match template:
        case StepsTemplate():
            return tuple(call for group in template.groups for call in group)
        case DagTemplate():
            return template.tasks
        case _:
            return ()
