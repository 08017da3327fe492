"""The calls inside of a Steps or a DAG of a run: those that have begun, and those that the graph says will come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dflow.engine.depends import parse
from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping

    from dflow.engine.model import Call, Template, WorkflowGraph
    from dflow.live.view import Copies, LiveNode

__all__ = ["CallState", "Inside", "awaited", "calls_inside", "templates_of", "worst"]

_ORDER = (
    Phase.ERROR,
    Phase.FAILED,
    Phase.TERMINATED,
    Phase.RUNNING,
    Phase.PENDING,
    Phase.SUCCEEDED,
    Phase.SKIPPED,
    Phase.OMITTED,
)


@dataclass(slots=True)
class CallState:
    """One call inside of a group.

    Attributes:
        name: of the step or task.
        template: the name of its template.
        is_loop: it has copies, or will have.
        node: the node; None while there is none, and where it has copies.
        copies: the copies of a loop that have begun; None while there are none.
        after: the names of the calls that must be done before it.
    """

    name: str
    template: str
    is_loop: bool = False
    node: LiveNode | None = None
    copies: Copies | None = None
    after: tuple[str, ...] = ()

    @property
    def phase(self) -> Phase:
        """Where it stands; of copies the worst, and Running while not all have ended."""
        if self.copies is not None:
            group = self.node.phase if self.node is not None else None
            return group if group is not None and group.is_final else _together(self.copies)
        return Phase.PENDING if self.node is None else self.node.phase


def _together(copies: Copies) -> Phase:
    found = worst(copies.counts)
    if found is None:
        return Phase.PENDING
    return Phase.RUNNING if found.is_ok and copies.done < copies.expected else found


def worst(counts: Counter[Phase]) -> Phase | None:
    """The phase that a person has to know of first; None when nothing is counted."""
    return next((phase for phase in _ORDER if counts.get(phase)), None)


def templates_of(graph: WorkflowGraph | None) -> dict[str, Template]:
    """The templates of a graph by name."""
    return {} if graph is None else {template.name: template for template in graph.templates}


def calls_inside(node: LiveNode, templates: Mapping[str, Template]) -> list[CallState]:
    """The calls inside of a node, in the order of its template; then such as hooks that the template does not list.

    Of a TaskGroup, a StepGroup and a Retry: what is in them.
    """
    return Inside(node, templates).calls()


class Inside:
    """The calls inside of a node, to be asked again and again: children that were looked at are not looked at again."""

    def __init__(self, node: LiveNode, templates: Mapping[str, Template]) -> None:
        self._node = node
        self._templates = templates
        self._template = templates.get(node.template)
        self._found: dict[str, CallState] = {}
        self._seen = 0
        self._is_planned = False
        self._begin()

    def calls(self) -> list[CallState]:
        """What ``calls_inside`` says of it now."""
        node = self._node
        if self._is_planned and (node.reused or node.memoized):
            self._begin()
        for child in node.children[self._seen :]:
            if child.hidden:  # what is in its place changes
                self._begin()
                for shown in node.shown_children():
                    self._take(shown)
                break
            self._take(child)
            self._seen += 1
        for name, copies in node.copies.items():  # announced, while none of them has begun
            if name in self._found and self._found[name].copies is None:
                self._found[name].copies = copies
        return list(self._found.values())

    def _begin(self) -> None:
        self._found = {}
        self._seen = 0
        node, template = self._node, self._template
        self._is_planned = not (node.reused or node.memoized)  # else what is in it never runs
        if self._is_planned and node.type in ("Steps", "DAG") and isinstance(template, (StepsTemplate, DagTemplate)):
            for call, after in _planned(template):
                if getattr(self._templates.get(call.template), "helper", False) is True:
                    continue  # an exporter made it
                self._found[call.name] = CallState(call.name, call.template, call.loop is not None, after=after)

    def _take(self, child: LiveNode) -> None:
        name = child.call
        state = self._found.get(name) or self._found.setdefault(name, CallState(name, child.template))
        if child.is_copy and child.parent is not None:
            state.is_loop, state.copies = True, child.parent.copies.get(name)
        else:
            state.node = child
            if child.type in ("TaskGroup", "StepGroup"):
                state.is_loop, state.copies = True, child.copies.get(name)


def _planned(template: StepsTemplate | DagTemplate) -> Iterator[tuple[Call, tuple[str, ...]]]:
    """The calls of a template, each with those that must be done before it."""
    if isinstance(template, DagTemplate):
        for task in template.tasks:
            yield task, awaited(task)
        return
    before: tuple[str, ...] = ()
    for group in template.groups:
        for call in group:
            yield call, before
        before = tuple(call.name for call in group) or before


def awaited(task: Call) -> tuple[str, ...]:
    """The tasks that must be done before this one."""
    names = task.dependencies
    if task.depends is not None:
        names = (*names, *(name for name, _ in parse(task.depends).tasks))
    return tuple(dict.fromkeys(names))
