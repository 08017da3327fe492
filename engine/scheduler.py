"""The scheduler: makes nodes, decides what each of them needs, and tells groups of ends."""

from __future__ import annotations

import logging
import time
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from dflow.engine import expressions
from dflow.engine.binding import bind, is_wanted, key_if_known, loop_items, when_text
from dflow.engine.dag_groups import make_group
from dflow.engine.durations import seconds_of
from dflow.engine.ends import Ends
from dflow.engine.errors import CopyError, ExpressionError, LeafError, UnsafeArtifact
from dflow.engine.fingerprint import fingerprint
from dflow.engine.groups import Group, LoopGroup
from dflow.engine.hooks import HookGroup
from dflow.engine.known import KnownResults
from dflow.engine.memo import resolve_memo_key
from dflow.engine.model import DagTemplate, StepsTemplate, SuspendTemplate
from dflow.engine.names import leaf_names, own_name
from dflow.engine.node import Node, node_type
from dflow.engine.phase import Phase
from dflow.engine.retry import FIRST_ATTEMPT
from dflow.engine.retry_groups import RetryGroup
from dflow.engine.reuse import take_outputs
from dflow.engine.scope import Scope, resolve
from dflow.engine.slices import Deal
from dflow.engine.stacking import Clashes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.around import Helpers
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.model import Call, Loop, Template, Value, WorkflowGraph
    from dflow.engine.resume import Earlier
    from dflow.engine.reuse import Reused
    from dflow.engine.settings import RunSettings

    _Leaf = LeafTemplate | SuspendTemplate

__all__ = ["Scheduler"]

_log = logging.getLogger("dflow.engine")


class Scheduler(Ends):
    """Runs one graph once, with what there is already of an earlier attempt or of other runs."""

    def __init__(
        self,
        graph: WorkflowGraph,
        layout: RunLayout,
        settings: RunSettings,
        earlier: Earlier,
        helpers: Helpers,
    ) -> None:
        super().__init__(graph, layout, settings, earlier, helpers)
        self._finished = earlier.finished
        self._reused = earlier.reused
        self._known = KnownResults(settings, quiet=earlier.succeeded)

    async def run(self) -> Phase:
        """Run to the end; the phase of the root node.

        Raises:
            StateError: the run directory cannot be written. What was committed stays; resume when it can.
        """
        await self._run_all(self._start_root)
        await self._runner.finish()
        exit_phase = self._exit.phase if self._exit else Phase.SUCCEEDED
        return exit_phase if self.root.phase.is_ok and exit_phase.is_failure else self.root.phase

    def close(self) -> None:
        """Write no more, and hold nothing that others may want."""
        self.commits.close()
        self._places.tell_of_more()
        if self._slots is not None and not self._shared:
            self._slots.close()

    def resume(self, request: Mapping[str, Any]) -> None:
        """Somebody resumes the workflow: steps start again, and those that wait go on."""
        self.suspend(on=False)
        self._pauses.resume(request)

    # -- starting nodes ---------------------------------------------------------------------------------------

    def start(self, call: Call, name: str, group: Group) -> None:
        """Make a node for the call and run it; ``group`` is told of its end."""
        template = self._templates[call.template]
        node = self._new_node(name, call.name, node_type(template), call.template, group.node.id, call)
        node.helper = node.helper or (call.loop is not None and call.loop.helper)
        self._post(lambda: self._begin(node, template, group))

    def start_copy(self, name: str, index: int, item: object, group: LoopGroup) -> None:
        """Make a node for one copy of a looped call and run it."""
        call = group.node.call
        assert call is not None  # noqa: S101 - only calls loop
        template = self._templates[call.template]
        display = f"{call.name}{expressions.item_name(index, item)}"
        parent = group.node.id if group.prefix == "tasks" else group.node.parent
        node = self._new_node(name, display, node_type(template), call.template, parent, call)
        node.item = expressions.item_scope(item) if group.deal is None else group.deal.names(item)
        self._post(lambda: self._begin(node, template, group))

    def start_attempt(self, group: RetryGroup, number: int) -> None:
        """Make a node for one attempt of a whole template and run it."""
        whole, template = group.node, self._templates[group.node.template]
        if not isinstance(template, StepsTemplate | DagTemplate):
            raise TypeError(f"{template.name} is a leaf")
        name = f"{whole.name}({number})"
        node = self._new_node(name, f"{whole.display}({number})", node_type(template), template.name, whole.id)
        node.inputs, node.input_artifacts = whole.inputs, whole.input_artifacts
        self._places.begin_attempt(whole.name)
        self._post(lambda: self._open_group(node, template, group))

    def omit(self, call: Call, name: str, group: Group, message: str) -> None:
        """Make a node for a call that will not run."""
        node = self._new_node(name, call.name, "Skipped", call.template, group.node.id, call)
        node.key = key_if_known(call, group.scope.values)
        self._post(lambda: self._skip(node, group, Phase.OMITTED, message))

    def _new_node(
        self, name: str, display: str, kind: str, template: str, parent: str | None, call: Call | None = None
    ) -> Node:
        node = Node(self._places.new_id(name), name, display, kind, template, parent, call)
        if self._helpers:
            node.helper = self._helpers.get(template, False)
        return node

    def _start_root(self) -> None:
        template = self._templates[self._graph.entrypoint]
        self.root.type = node_type(template)
        try:
            self._give_arguments(self.root, template)
            if self._graph.deadline is not None:
                self._set_deadline(self._graph.deadline)
        except ExpressionError as exc:
            self.root.prepared = False
            self._finish(self.root, None, Phase.ERROR, str(exc))
            return
        if self._graph.hooks:
            hooks = [hook for hook in self._graph.hooks if hook.name != "exit"]
            scope = self._new_scope()
            group = self._hooks[self.root.id] = HookGroup(self.root, None, scope, self, hooks, self._hooks_of_all_ended)
            self._post(group.begin)
        self._begin(self.root, template, None)

    def _set_deadline(self, deadline: Value) -> None:
        """The time of the whole workflow (TM-01), counted from the start of this attempt."""
        text = resolve(deadline, self._globals) or ""
        seconds = seconds_of(text)
        if seconds is None:
            raise ExpressionError(f"the deadline {text!r} of the workflow is none; write 90, 90s or 1m30s")
        self.later(seconds, lambda: self._end_at_deadline(seconds))

    def _end_at_deadline(self, seconds: float) -> None:
        if self._exit is None and self.stopping is None and not self.root.phase.is_final:
            self.stop(f"the workflow was ended after its deadline of {seconds:g} s", run_exit_handler=True)

    def _begin(self, node: Node, template: Template, group: Group | None) -> None:
        if self.stopping is not None:
            self._finish(node, group, Phase.FAILED, self.stopping)
            return
        outer = group.scope if group else self._new_scope()
        deal: Deal | None = None
        if node.item is not None:
            outer = Scope(ChainMap(dict(node.item), outer.values), outer.artifacts, outer.store)
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
            self._hooks[node.id] = hooks = HookGroup.of_node(node, group, self)
            self._post(hooks.begin)
        node.fingerprint = fingerprint(node, template)
        if self._exit is not None:  # what handled another end does not count for this one
            node.fingerprint["input parameter workflow.status"] = str(self._globals["workflow.status"])
        elif group is not None and group.end is not None:
            node.fingerprint["input parameter status"] = group.end.value
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
            self._run(node, template, group)

    def _run(self, node: Node, template: _Leaf, group: Group | None) -> None:
        match template:
            case SuspendTemplate():
                self._pause(node, template, group)
            case _:
                node.deadline = None if group is None else group.deadline
                self._queue(node, template, group)

    def _pause(self, node: Node, template: SuspendTemplate, group: Group | None) -> None:
        node.phase, node.started = Phase.RUNNING, self._pauses.began(node)
        self.commits.begin(node)
        inputs: dict[str, str | None] = {f"inputs.parameters.{name}": text for name, text in node.inputs.items()}
        try:
            self._pauses.begin(node, template, group, ChainMap(inputs, self._globals))
        except ExpressionError as exc:
            self._finish(node, group, Phase.ERROR, str(exc))

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
            self._skip_empty_loop(node, group, deal)
            return
        node.phase, node.started = Phase.RUNNING, time.time()
        if node.type == "TaskGroup":
            self.commits.begin(node)
        self.commits.loop(node.name, node.id if node.type == "TaskGroup" else node.parent, len(items))
        window = loop.parallelism or (None if node.call is None else self._windows.of(node.call))
        copies = LoopGroup(node, group, self, items, window, deal)
        copies.clashes = None if deal is None else Clashes(self._templates[node.template], deal)
        self._post(copies.begin)

    def _open(self, node: Node, template: StepsTemplate | DagTemplate, parent: Group | None) -> None:
        """Run a Steps or DAG; with a retry strategy its attempts are nodes inside of it (ND-04)."""
        if template.retry is None:
            self._open_group(node, template, parent)
            return
        node.type, node.phase, node.started = "Retry", Phase.RUNNING, time.time()
        self.commits.begin(node)
        self._post(RetryGroup(node, parent, self, template.retry, self._layout.attempts).begin)

    def _open_group(self, node: Node, template: StepsTemplate | DagTemplate, parent: Group | None) -> None:
        scope = self._new_scope()
        scope.values.update({f"inputs.parameters.{name}": text for name, text in node.inputs.items()})
        scope.values["node.name"] = node.name
        scope.values[own_name(node)] = node.call.name if node.call else node.display
        if isinstance(parent, RetryGroup):
            scope.values.update(parent.names)
        for artifact in template.inputs.artifacts:
            scope.artifacts[f"inputs.artifacts.{artifact.name}"] = node.input_artifacts.get(artifact.name)
        node.phase = Phase.RUNNING
        node.started = time.time()
        self.commits.begin(node)
        try:
            group = make_group(template, node, parent, scope, self)
        except ExpressionError as exc:
            self._finish(node, parent, Phase.ERROR, str(exc))
            return
        self._post(group.begin)

    # -- results that are there already -----------------------------------------------------------------------

    def _adopt(self, node: Node, earlier: Node, template: _Leaf, group: Group | None) -> None:
        """Take the outcome of an earlier attempt for this one; without what it gave, run."""
        if not self._is_adopted(node, earlier, template):
            self._run(node, template, group)
            return
        if earlier.phase.is_failure:
            self.failures.append(node)
        elif node.memo_key is not None and earlier.phase is Phase.SUCCEEDED:
            self._memo.keep_again(node)
        self._conclude(node, group, earlier.phase)

    def _is_adopted(self, node: Node, earlier: Node, template: LeafTemplate | SuspendTemplate) -> bool:
        if not self._known.adopt(node, earlier, template):
            return False
        try:
            self._keep(node, template, strict=earlier.phase is Phase.SUCCEEDED)  # what is in the store may be lost
        except LeafError:
            node.kept = False
        return node.kept

    def _keep(self, node: Node, template: Template, *, strict: bool) -> None:
        if self._keeper.wants(template):
            values = {**self._globals, **FIRST_ATTEMPT, **leaf_names(node, self._layout)}
            self._keeper.keep(node, template, values, strict=strict)

    def _take(self, node: Node, template: Template, reused: Reused, group: Group | None) -> None:
        """Take the outputs of a step of another run, or those that are kept, for this one."""
        node.started, node.phase = time.time(), Phase.RUNNING
        try:
            if node.memoized is None:
                self._known.check_reuse(node, reused)
            self.commits.begin(node)
            take_outputs(node, template, reused)
            self._keep(node, template, strict=True)
        except (LeafError, CopyError) as exc:
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        what = (
            f"its outputs were kept by {reused.source} under memoize_key {reused.key!r}"
            if node.memoized
            else f"reused from {reused.source}"
        )
        self._finish(node, group, Phase.SUCCEEDED, what)
