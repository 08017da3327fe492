"""The scheduler: makes nodes, decides what each of them needs, and tells groups of ends."""

from __future__ import annotations

import logging
import time
from collections import ChainMap
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.binding import bind, is_wanted, key_if_known, loop_items, when_text
from dflow.engine.ends import Ends
from dflow.engine.errors import CopyError, ExpressionError, LeafError, UnsafeArtifact
from dflow.engine.fingerprint import fingerprint
from dflow.engine.groups import Group, LoopGroup, make_group
from dflow.engine.hooks import HookGroup
from dflow.engine.known import KnownResults
from dflow.engine.loop import BATCH
from dflow.engine.memo import resolve_memo_key
from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.engine.node import Node, node_type
from dflow.engine.phase import Phase
from dflow.engine.retry_groups import RetryGroup
from dflow.engine.reuse import take_outputs
from dflow.engine.scope import Scope
from dflow.engine.slices import Deal

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.model import Call, Loop, Template, WorkflowGraph
    from dflow.engine.ports import Executor
    from dflow.engine.resume import Earlier
    from dflow.engine.reuse import Reused
    from dflow.engine.settings import RunSettings
    from dflow.engine.slots import Slots

__all__ = ["Scheduler"]

_log = logging.getLogger("dflow.engine")


class Scheduler(Ends):
    """Runs one graph once, with what there is already of an earlier attempt or of other runs."""

    def __init__(
        self,
        graph: WorkflowGraph,
        layout: RunLayout,
        settings: RunSettings,
        executor: Executor,
        earlier: Earlier,
        shared: Slots | None = None,
    ) -> None:
        super().__init__(graph, layout, settings, executor, earlier, shared)
        self._finished = earlier.finished
        self._reused = earlier.reused
        self._known = KnownResults(settings)

    async def run(self) -> Phase:
        """Run to the end; the phase of the root node.

        Raises:
            StateError: the run directory cannot be written. What was committed stays; resume when it can.
        """
        await self._run_all(self._start_root)
        exit_phase = self._exit.phase if self._exit else Phase.SUCCEEDED
        return exit_phase if self.root.phase.is_ok and exit_phase.is_failure else self.root.phase

    def close(self) -> None:
        """Write no more, and hold nothing that others may want."""
        self.commits.close()
        if self._slots is not None and not self._shared:
            self._slots.close()

    # -- starting nodes ---------------------------------------------------------------------------------------

    def start(self, call: Call, name: str, group: Group) -> None:
        """Make a node for the call and run it; ``group`` is told of its end."""
        template = self._templates[call.template]
        node = Node(self._places.new_id(name), name, call.name, node_type(template), template.name, group.node.id, call)
        self._post(lambda: self._begin(node, template, group))

    def start_copy(self, name: str, index: int, item: object, group: LoopGroup) -> None:
        """Make a node for one copy of a looped call and run it."""
        call = group.node.call
        assert call is not None  # noqa: S101 - only calls loop
        template = self._templates[call.template]
        display = f"{call.name}{expressions.item_name(index, item)}"
        parent = group.node.id if group.prefix == "tasks" else group.node.parent
        node = Node(self._places.new_id(name), name, display, node_type(template), template.name, parent, call)
        node.item = expressions.item_scope(item) if group.deal is None else group.deal.names(item)
        self._post(lambda: self._begin(node, template, group))

    def start_attempt(self, group: RetryGroup, number: int) -> None:
        """Make a node for one attempt of a whole template and run it."""
        whole, template = group.node, self._templates[group.node.template]
        if not isinstance(template, StepsTemplate | DagTemplate):
            raise TypeError(f"{template.name} is a leaf")
        name = f"{whole.name}({number})"
        node = Node(
            self._places.new_id(name), name, f"{whole.display}({number})", node_type(template), template.name, whole.id
        )
        node.inputs, node.input_artifacts = whole.inputs, whole.input_artifacts
        self._places.begin_attempt(whole.name)
        self._post(lambda: self._open_group(node, template, group))

    def omit(self, call: Call, name: str, group: Group, message: str) -> None:
        """Make a node for a call that will not run."""
        node = Node(self._places.new_id(name), name, call.name, "Skipped", call.template, group.node.id, call)
        node.key = key_if_known(call, group.scope.values)
        self._post(lambda: self._skip(node, group, Phase.OMITTED, message))

    def _start_root(self) -> None:
        template = self._templates[self._graph.entrypoint]
        self.root.type = node_type(template)
        for parameter in template.inputs.parameters:
            text = dict(self._graph.parameters).get(parameter.name)
            if text is not None:
                self.root.inputs[parameter.name] = text
        self._begin(self.root, template, None)

    def _begin(self, node: Node, template: Template, group: Group | None) -> None:
        if self.stopping is not None:
            self._finish(node, group, Phase.FAILED, self.stopping)
            return
        outer = group.scope if group else Scope(dict(self._globals))
        deal: Deal | None = None
        if node.item is not None:
            outer = Scope(ChainMap(dict(node.item), outer.values), outer.artifacts)
            deal = group.deal if isinstance(group, LoopGroup) else None
        elif node.call is not None and node.call.loop is not None and group is not None:
            self._begin_loop(node, node.call.loop, group)
            return
        try:
            if not is_wanted(node, outer):
                node.key = key_if_known(node.call, outer.values)
                self._skip(node, group, Phase.SKIPPED, f"when {when_text(node.call)} is false")
                return
            if deal is not None and node.item is not None:
                node.hand = deal.hand(node.item)
            bind(node, template, outer)
            if template.memoize is not None:
                node.memo_key = resolve_memo_key(template.memoize, node, self._globals)
        except ExpressionError as exc:
            node.prepared = False
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        self._places.place(node, template)
        self._enter(node, template, group)

    def _enter(self, node: Node, template: Template, group: Group | None) -> None:
        """A node whose arguments are known: run it, or take what there is of it already."""
        if node.call is not None and node.call.hooks and group is not None:
            self._hooks[node.id] = hooks = HookGroup(node, group, self)
            self._post(hooks.begin)
        node.fingerprint = fingerprint(node, template)
        if self._exit is not None:  # what handled another end does not count for this one
            node.fingerprint["input parameter workflow.status"] = str(self._globals["workflow.status"])
        earlier = self._finished.get(node.name)
        if earlier is not None and not (earlier.template == node.template and self._known.still_holds(earlier, node)):
            earlier = None
        if earlier is not None and not isinstance(template, StepsTemplate | DagTemplate):
            self._adopt(node, earlier, template, group)
        elif node.key in self._reused and node.name not in self._finished:
            self._take(node, template, self._reused[str(node.key)], group)
        elif node.memo_key is not None and (kept := self._memo.look_up(node, template)) is not None:
            node.memoized = kept.source
            self._take(node, template, kept, group)
        elif isinstance(template, StepsTemplate | DagTemplate):
            self._open(node, template, group)
        else:
            self._queue(node, template, group)

    def _queue(self, node: Node, template: LeafTemplate, group: Group | None) -> None:
        node.deadline = None if group is None else group.deadline
        self._leaves.append((node, template, group))

    def _begin_loop(self, node: Node, loop: Loop, group: Group) -> None:
        """Start the copies of a looped call. With ``item`` in its condition each copy decides for itself (WH-05)."""
        node.type = "TaskGroup" if group.prefix == "tasks" else "StepGroup"
        try:
            if "item" not in when_text(node.call) and not is_wanted(node, group.scope):
                node.key = key_if_known(node.call, group.scope.values)
                self._skip(node, group, Phase.SKIPPED, f"when {when_text(node.call)} is false")
                return
            deal = (
                None
                if loop.slices is None or node.call is None
                else Deal(node.call, loop.slices, group.scope, self._templates[node.template])
            )
            items = deal.orders() if loop.items is None and deal else loop_items(loop, group.scope.values)
            items = items if deal is None else deal.copies(items)
        except (ExpressionError, UnsafeArtifact) as exc:
            node.prepared = False
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        if not items:
            node.key = key_if_known(node.call, group.scope.values)
            self._skip(node, group, Phase.SKIPPED, "the loop has no items")
            return
        node.phase, node.started = Phase.RUNNING, time.time()
        if node.type == "TaskGroup":
            self.commits.begin(node)
        window = loop.parallelism or (None if self._limit is None else max(2 * self._limit, BATCH))
        self._post(LoopGroup(node, group, self, items, window, deal).begin)

    def _open(self, node: Node, template: StepsTemplate | DagTemplate, parent: Group | None) -> None:
        """Run a Steps or DAG; with a retry strategy its attempts are nodes inside of it (ND-04)."""
        if template.retry is None:
            self._open_group(node, template, parent)
            return
        node.type, node.phase, node.started = "Retry", Phase.RUNNING, time.time()
        self.commits.begin(node)
        self._post(RetryGroup(node, parent, self, template.retry, self._layout.attempts).begin)

    def _open_group(self, node: Node, template: StepsTemplate | DagTemplate, parent: Group | None) -> None:
        scope = Scope(dict(self._globals))
        scope.values.update({f"inputs.parameters.{name}": text for name, text in node.inputs.items()})
        if isinstance(parent, RetryGroup):
            scope.values.update(parent.names)
        for artifact in template.inputs.artifacts:
            scope.artifacts[f"inputs.artifacts.{artifact.name}"] = node.input_artifacts.get(artifact.name)
        if self._exit is not None:
            scope.artifacts.update(self._artifacts_of_all())
        node.phase = Phase.RUNNING
        node.started = time.time()
        self.commits.begin(node)
        group = make_group(template, node, parent, scope, self)
        self._post(group.begin)

    # -- results that are there already -----------------------------------------------------------------------

    def _adopt(self, node: Node, earlier: Node, template: LeafTemplate, group: Group | None) -> None:
        """Take the outcome of an earlier attempt for this one; without what it gave, run."""
        if not self._known.adopt(node, earlier, template):
            self._queue(node, template, group)
            return
        if earlier.phase.is_failure:
            self.failures.append(node)
        elif node.memo_key is not None and earlier.phase is Phase.SUCCEEDED:
            self._memo.keep_again(node)
        self._conclude(node, group, earlier.phase)

    def _take(self, node: Node, template: Template, reused: Reused, group: Group | None) -> None:
        """Take the outputs of a step of another run, or those that are kept, for this one."""
        node.started, node.phase = time.time(), Phase.RUNNING
        try:
            if node.memoized is None:
                self._known.check_reuse(node, reused)
            self.commits.begin(node)
            take_outputs(node, template, reused)
        except (LeafError, CopyError) as exc:
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        what = (
            f"its outputs were kept by {reused.source} under memoize_key {reused.key!r}"
            if node.memoized
            else f"reused from {reused.source}"
        )
        self._finish(node, group, Phase.SUCCEEDED, what)
