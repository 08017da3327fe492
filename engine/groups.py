"""Running Steps templates and loops: which call comes next, and how the whole ends. DAGs are in ``dag_groups``.

A group runs no code of its own and waits for nothing: it is told of every child that is done, and tells the
scheduler what to start. Facts of Argo that are followed here: ST-01 to ST-05 in ``docs/semantics.md``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.model import ContinueOn
from dflow.engine.phase import Phase
from dflow.engine.slice_groups import Turns, tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from dflow.engine.model import Call, StepsTemplate
    from dflow.engine.node import Node
    from dflow.engine.retry_groups import RetryGroup
    from dflow.engine.scope import Scope
    from dflow.engine.slices import Deal
    from dflow.engine.stacking import Clashes

    class Starter(Protocol):
        """The part of the scheduler that groups see."""

        stopping: str | None

        def start(self, call: Call, name: str, group: Group) -> None:
            """Make a node for the call and run it; ``group.child_done`` is told of its end."""

        def start_copy(self, name: str, index: int, item: object, group: LoopGroup) -> None:
            """Make a node for one copy of a looped call and run it."""

        def withdraw(self, group: Group) -> int:
            """Let those leaf steps of a group go that have not begun; how many they were."""

        def start_attempt(self, group: RetryGroup, number: int) -> None:
            """Make a node for one attempt of a whole template and run it."""

        def forget_failures(self, attempt: Node) -> None:
            """An attempt is made good by another: what failed in it is no news any more."""

        def later(self, seconds: float, work: Callable[[], None]) -> None:
            """Do a piece of work after some time, or as soon as the run is being ended."""

        def omit(self, call: Call, name: str, group: Group, message: str) -> None:
            """Make a node for a call that will not run."""

        def finish_group(self, group: Group, phase: Phase, message: str) -> None:
            """The group is done."""


__all__ = ["Group", "LoopGroup", "StepsGroup", "goes_on_after"]


class Group(ABC):
    """One run of a Steps or DAG template.

    Attributes:
        node: the node of the template.
        parent: the group that the node belongs to; None for the root.
        scope: what the calls of this template can refer to.
        prefix: ``steps`` or ``tasks``, the first word of references to siblings.
        end: of hooks: how the node ended that they are of; None while it runs.
        fail_fast: start nothing more after a failure that the call does not go on after.
        deadline: seconds since the epoch at which a retry strategy around it has no more time.
    """

    prefix: str
    fail_fast = False
    end: Phase | None = None

    def __init__(
        self, node: Node, parent: Group | None, scope: Scope, starter: Starter, parallelism: int | None
    ) -> None:
        self.deadline: float | None = None if parent is None else parent.deadline
        self.node = node
        self.parent = parent
        self.scope = scope
        self._starter = starter
        self._limit = parallelism
        self._active = 0
        self._held: deque[tuple[Call, str]] = deque()
        self._culprit_of_all: Node | None = None

    @abstractmethod
    def begin(self) -> None:
        """Start what can start."""

    @abstractmethod
    def _settled(self, child: Node) -> None:
        """A child is done: start what it made possible, or finish."""

    def child_done(self, child: Node) -> None:
        """A child has its final phase."""
        self._active -= 1
        if self._starter.stopping is not None:
            self._held.clear()
            if self._active == 0:
                self._finish(Phase.FAILED, self._starter.stopping)
            return
        if self.fail_fast and self._culprit_of_all is None and not _covered(child):
            self._culprit_of_all = child
        if self._culprit_of_all is not None:  # ST-04: what runs is awaited, nothing more is started
            self._held.clear()
            if self._active == 0:
                self._give_up(self._culprit_of_all)
            return
        while self._held and (self._limit is None or self._active < self._limit):
            self._start(*self._held.popleft())
        self._settled(child)

    def _launch(self, calls: Iterable[tuple[Call, str]]) -> None:
        for call, name in calls:
            if self._limit is not None and self._active >= self._limit:
                self._held.append((call, name))
            else:
                self._start(call, name)

    def _start(self, call: Call, name: str) -> None:
        self._active += 1
        self._starter.start(call, name, self)

    def _give_up(self, culprit: Node) -> None:
        phase = Phase.FAILED if culprit.prepared else Phase.ERROR
        self._finish(phase, f"{self.prefix[:-1]} {culprit.display!r} ended {culprit.phase}")

    def _finish(self, phase: Phase, message: str = "") -> None:
        self._starter.finish_group(self, phase, message)


class StepsGroup(Group):
    """Groups of calls, one after another."""

    prefix = "steps"

    def __init__(
        self, node: Node, parent: Group | None, scope: Scope, starter: Starter, template: StepsTemplate
    ) -> None:
        super().__init__(node, parent, scope, starter, template.parallelism)
        self.fail_fast = template.fail_fast
        self._groups = template.groups
        self._index = -1
        self._left = 0
        self._failed: Node | None = None

    def begin(self) -> None:
        """Start the first group."""
        self._advance()

    def _settled(self, child: Node) -> None:
        self._left -= 1
        if self._failed is None and not _covered(child):
            self._failed = child
        if self._left == 0:
            self._advance()

    def _advance(self) -> None:
        if self._failed is not None:
            self._give_up(self._failed)
            return
        self._index += 1
        while self._index < len(self._groups) and not self._groups[self._index]:
            self._index += 1
        if self._index == len(self._groups):
            self._finish(Phase.SUCCEEDED)
            return
        calls = self._groups[self._index]
        self._left = len(calls)
        self._launch((call, f"{self.node.name}[{self._index}].{call.name}") for call in calls)


class LoopGroup(Group):
    """The copies of one call, one for each item of its loop.

    To the group that the call belongs to it is one child; copies see what that group's calls see, and their item.
    Copies are made as places become free, so a loop over a hundred thousand items holds few nodes at a time.

    Attributes:
        clashes: looks whether the outputs of the copies can be put together; None where there is nothing to look for.
    """

    clashes: Clashes | None = None

    def __init__(
        self, node: Node, parent: Group, starter: Starter, items: list[object], window: int | None, deal: Deal | None
    ) -> None:
        super().__init__(node, parent, parent.scope, starter, None)
        self.deal = deal
        rule = node.call.continue_on if node.call else ContinueOn()
        self._ends_early = parent.fail_fast and rule == ContinueOn()
        self._is_cut_short = False
        self.prefix = parent.prefix
        self._items = items
        self._window = window
        self._turns = Turns(len(items)) if deal is None else deal.turns(len(items))
        self._done: dict[int, Node] = {}
        self._index: dict[str, int] = {}

    def begin(self) -> None:
        """Start as many copies as may run."""
        self._fill()

    @property
    def done(self) -> list[tuple[int, Node]]:
        """The finished copies with the index of their items, in order."""
        return sorted(self._done.items())

    @property
    def not_started(self) -> str:
        """How many copies were not started, for a message; empty when all were."""
        left = len(self._items) - len(self._done)
        return f"; {left} of {len(self._items)} slices were not started" if left else ""

    def _fill(self) -> None:
        while (self._window is None or self._active < self._window) and (index := self._turns.take()) is not None:
            self._active += 1
            name = f"{self.node.name}{expressions.item_name(index, self._items[index])}"
            self._index[name] = index
            self._starter.start_copy(name, index, self._items[index], self)

    def _settled(self, child: Node) -> None:
        index = self._index.pop(child.name)
        self._done[index] = child
        if child.phase.is_ok:
            child.let_go(place=self.deal is None or self.deal.groups is None)
        self._turns.give(index)
        self._is_cut_short |= self._ends_early and child.phase.is_failure
        if not self._is_cut_short and child.phase is Phase.SUCCEEDED and self.clashes is not None:
            self._is_cut_short = self.clashes.has(index, child)
            if self._is_cut_short:
                self._let_go_of_the_rest()
        if not self._is_cut_short:
            self._fill()
        if len(self._done) == len(self._items) or (self._is_cut_short and self._active == 0):
            self._conclude()

    def _let_go_of_the_rest(self) -> None:
        """The outputs cannot be put together: the loop is an Error, whatever the rest gives."""
        if self.node.call is not None and not self.node.call.hooks:  # those of copies that wait have begun
            self._active -= self._starter.withdraw(self)

    def _conclude(self) -> None:
        """DG-07: the phase of a copy that failed, the last one wins; unless enough of them succeeded."""
        copies = [copy for _, copy in self.done]
        rule = self.node.call.continue_on if self.node.call else ContinueOn()
        bad = [copy for copy in copies if not copy.phase.is_ok]
        self.node.of_copies = _results(copies)
        count = tally(self.done, None if self.deal is None else self.deal.sizes())
        enough = (rule.num_success is not None and count.good >= rule.num_success) or (
            rule.success_ratio is not None and count.good >= rule.success_ratio * count.total
        )
        failed = f"{len(bad)} of {len(copies)} failed" if bad else ""
        if count.lost:
            failed = f"{count.total - count.good} of {count.total} elements failed"
        if enough or not (bad or count.lost):
            self._finish(Phase.SUCCEEDED, failed)
            return
        self.node.prepared = all(copy.prepared for copy in bad)
        self._finish(bad[-1].phase if bad else Phase.FAILED, failed)


def _results(copies: list[Node]) -> tuple[str, ...]:
    """What a ``depends`` can ask of a loop: of its copies, not of the whole (DG-03)."""
    phases = {copy.phase for copy in copies}
    found = ("AnySucceeded",) if Phase.SUCCEEDED in phases else ()
    return ("AllFailed", *found) if phases == {Phase.FAILED} else found


def _covered(node: Node) -> bool:
    """Success, or a failure that the call says to go on after (ST-03); not one of preparing it (ST-05)."""
    return node.phase.is_ok or (node.prepared and goes_on_after(node, node.phase))


def goes_on_after(node: Node, phase: Phase) -> bool:
    """Whether the call of a node says to go on after this phase."""
    rule = node.call.continue_on if node.call else ContinueOn()
    return (rule.failed and phase is Phase.FAILED) or (rule.error and phase is Phase.ERROR)
