"""Finding templates that call each other for ever."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from dflow.engine.model import ContinueOn, DagTemplate, StepsTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.compile.problems import Problems
    from dflow.engine.model import Call, Template

__all__ = ["check_recursion"]


def check_recursion(templates: Mapping[str, Template], problems: Problems) -> None:
    """Add a problem where no call of a circle can be left out, so that it would go on until something breaks.

    A call with a condition, in a loop (which may be empty), with a rule to go on after a failure, as a hook, or of a
    template with kept outputs may end the circle, whatever it depends on.
    """
    always = {name: [c for c in _calls(t) if _is_always_made(c, templates)] for name, t in templates.items()}
    edges = {name: {call.template for call in calls} for name, calls in always.items()}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as exc:
        circle = list(reversed(exc.args[1]))  # of each the next is one that it calls
        links = [f"{name!r}" for name in circle]
        for caller, called in pairwise(circle):
            edge = next((c for c in always[caller] if c.template == called), None)
            if edge is not None:
                links[circle.index(caller)] = f"{caller!r} (in {edge.name!r})"
        problems.add(
            f"templates call each other for ever: {' → '.join(links)}; no call of this circle has a condition: "
            "give one of them when=..., so that it can end"
        )


def _calls(template: Template) -> list[Call]:
    if isinstance(template, StepsTemplate):
        return [call for group in template.groups for call in group]
    return list(template.tasks) if isinstance(template, DagTemplate) else []


def _is_always_made(call: Call, templates: Mapping[str, Template]) -> bool:
    return (
        call.when is None
        and call.loop is None
        and call.continue_on == ContinueOn()
        and templates[call.template].memoize is None
    )
