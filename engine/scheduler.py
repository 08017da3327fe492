"""The scheduler: makes nodes, keeps a queue of leaf steps that are ready, and tells groups of ends.

Everything but the running of programs happens in one thread, in small pieces of work that wait in a queue, so a
workflow that nests a thousand deep needs no deeper stack than a flat one, and a node that waits costs no task.
"""

from __future__ import annotations

import logging
import time
from collections import ChainMap, deque
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from dflow.engine import expressions, leaf
from dflow.engine.attempts import LeafRunner
from dflow.engine.binding import bind, is_wanted, loop_items, when_text
from dflow.engine.commit import Commits
from dflow.engine.errors import CopyError, DflowError, ExpressionError, LeafError, StateError, UnsafeArtifact
from dflow.engine.fingerprint import changes, fingerprint
from dflow.engine.groups import Group, LoopGroup, make_group
from dflow.engine.hooks import HookGroup
from dflow.engine.layout import name_step_directory, node_id
from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.engine.names import failures_text, workflow_names
from dflow.engine.node import Node, node_type
from dflow.engine.outputs import declare_skipped, group_outputs, loop_outputs, offer
from dflow.engine.phase import Phase
from dflow.engine.reuse import take_outputs
from dflow.engine.scope import Scope
from dflow.engine.slices import Deal, stack_artifact
from dflow.engine.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.model import Call, Loop, Template, WorkflowGraph
    from dflow.engine.ports import Executor
    from dflow.engine.resume import Earlier
    from dflow.engine.reuse import Reused
    from dflow.engine.settings import RunSettings

__all__ = ["Scheduler"]

_log = logging.getLogger("dflow.engine")
_BATCH = 64
_LOOK_AGAIN = 0.02  # seconds, while other runs hold the places for leaf steps


class Scheduler:
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
        self._graph = graph
        self._templates = {template.name: template for template in graph.templates}
        self._layout = layout
        self._settings = settings
        self._executor = executor
        self._finished = earlier.finished
        self._taken = earlier.taken
        self._reused = earlier.reused
        self._globals = workflow_names(graph, layout)
        self._work: deque[Callable[[], None]] = deque()
        self._leaves: deque[tuple[Node, LeafTemplate, Group | None]] = deque()
        self._running: dict[str, anyio.CancelScope] = {}
        self._wake = anyio.Event()
        self._broken: DflowError | None = None
        self._keys: dict[str, str] = {}
        self._ids: set[str] = set()
        limit = settings.workers() if graph.parallelism is None else graph.parallelism
        parallel = executor.capabilities.parallel
        self._limit = limit if parallel else 1
        self._slots = shared or (Slots.make(layout, limit) if parallel and limit is not None else None)
        self._held: dict[str, int] = {}
        self._starved = False
        self.commits = Commits(layout)
        self._runner = LeafRunner(layout, settings, executor, self.commits, self._globals)
        self.stopping: str | None = None
        self._suspended = False
        self._over = False
        self._exit: Node | None = None
        self._hooks: dict[str, HookGroup] = {}
        self.root = Node(layout.id, layout.id, layout.id, "", graph.entrypoint, None)
        self.failures: list[Node] = []
        self.global_outputs: dict[str, str] = {}
        self.global_artifacts: dict[str, str] = {}

    # -- the loop ---------------------------------------------------------------------------------------------

    async def run(self) -> Phase:
        """Run to the end; the phase of the root node.

        Raises:
            StateError: the run directory cannot be written. What was committed stays; resume when it can.
        """
        async with anyio.create_task_group() as tasks:
            self._post(self._start_root)
            while not self._over and self._broken is None:
                self._do_some_work()
                self._start_leaves(tasks)
                if self._work:
                    await anyio.lowlevel.checkpoint()
                elif not self._over:
                    with anyio.move_on_after(_LOOK_AGAIN if self._starved else None):
                        await self._wake.wait()
                    self._wake = anyio.Event()
            tasks.cancel_scope.cancel()
        if self._broken is not None:
            raise self._broken
        exit_phase = self._exit.phase if self._exit else Phase.SUCCEEDED
        return exit_phase if self.root.phase.is_ok and exit_phase.is_failure else self.root.phase

    def close(self) -> None:
        """Write no more, and hold nothing that others may want."""
        self.commits.close()
        if self._slots is not None:
            self._slots.close()

    def suspend(self, *, on: bool) -> None:
        """Start no more leaf steps, or go on; those that run are left alone."""
        self._suspended = on
        self._wake.set()

    def stop(self, why: str) -> None:
        """End all running steps; every node that is not done becomes Failed with this message."""
        if self.stopping is None:
            self.stopping = why
            self._runner.stopping = True
            for scope in self._running.values():
                scope.cancel()
            while self._leaves:
                node, _, group = self._leaves.popleft()
                self._post(partial(self._finish, node, group, Phase.FAILED, why))
            self._wake.set()

    def _post(self, work: Callable[[], None]) -> None:
        self._work.append(work)
        self._wake.set()

    def _do_some_work(self) -> None:
        try:
            for _ in range(min(_BATCH, len(self._work))):
                self._work.popleft()()
        except StateError as exc:
            self._broken = exc
        except Exception as exc:  # noqa: BLE001 - a fault of ours must end the run, not hang it
            _log.exception("internal error")
            self._broken = DflowError(f"internal error, please report it: {type(exc).__name__}: {exc}")
            self._broken.__cause__ = exc
        if self._broken is not None:
            self._wake.set()  # nobody else may be left to wake the loop

    def _start_leaves(self, tasks: TaskGroup) -> None:
        self._starved = False
        while (
            self._leaves
            and self._broken is None
            and not self._suspended
            and (self._limit is None or len(self._running) < self._limit)
        ):
            if self._slots is not None:
                slot = self._slots.take()
                if slot is None:  # runs in our steps, or around us, have them all
                    self._starved = True
                    return
                self._held[self._leaves[0][0].id] = slot
            node, template, group = self._leaves.popleft()
            self._running[node.id] = scope = anyio.CancelScope()
            tasks.start_soon(self._run_leaf, node, template, group, scope)

    # -- starting nodes ---------------------------------------------------------------------------------------

    def start(self, call: Call, name: str, group: Group) -> None:
        """Make a node for the call and run it; ``group`` is told of its end."""
        template = self._templates[call.template]
        node = Node(self._new_id(name), name, call.name, node_type(template), template.name, group.node.id, call)
        self._post(lambda: self._begin(node, template, group))

    def start_copy(self, name: str, index: int, item: object, group: LoopGroup) -> None:
        """Make a node for one copy of a looped call and run it."""
        call = group.node.call
        assert call is not None  # noqa: S101 - only calls loop
        template = self._templates[call.template]
        display = f"{call.name}{expressions.item_name(index, item)}"
        parent = group.node.id if group.prefix == "tasks" else group.node.parent
        node = Node(self._new_id(name), name, display, node_type(template), template.name, parent, call)
        node.item = expressions.item_scope(item) if group.deal is None else group.deal.names(item)
        self._post(lambda: self._begin(node, template, group))

    def omit(self, call: Call, name: str, group: Group, message: str) -> None:
        """Make a node for a call that will not run."""
        node = Node(self._new_id(name), name, call.name, "Skipped", call.template, group.node.id, call)
        self._post(lambda: self._skip(node, group, Phase.OMITTED, message))

    def _new_id(self, name: str) -> str:
        """Argo's node id; where two names have the same hash, the second gets another."""
        candidate, extra = node_id(self._layout.id, name), 0
        while candidate in self._ids:
            extra += 1
            candidate = node_id(self._layout.id, f"{name}#{extra}")
        self._ids.add(candidate)
        return candidate

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
                self._skip(node, group, Phase.SKIPPED, f"when {when_text(node.call)} is false")
                return
            if deal is not None and node.item is not None:
                node.hand = deal.hand(node.item)
            bind(node, template, outer)
        except ExpressionError as exc:
            node.prepared = False
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        self._place(node, template)
        self._enter(node, template, group)

    def _enter(self, node: Node, template: Template, group: Group | None) -> None:
        """A node whose arguments are known: run it, or take what there is of it already."""
        if node.call is not None and node.call.hooks and group is not None:
            self._hooks[node.id] = hooks = HookGroup(node, group, self)
            self._post(hooks.begin)
        node.fingerprint = fingerprint(node, template)
        earlier = self._finished.get(node.name)
        if node.key in self._reused and earlier is None:
            self._reuse(node, template, self._reused[str(node.key)], group)
        elif isinstance(template, StepsTemplate | DagTemplate):
            self._open_group(node, template, group)
        elif earlier is not None and earlier.template == node.template and self._still_holds(earlier, node):
            self._adopt(node, earlier, template, group)
        else:
            self._leaves.append((node, template, group))

    def _begin_loop(self, node: Node, loop: Loop, group: Group) -> None:
        """Start the copies of a looped call. With ``item`` in its condition each copy decides for itself (WH-05)."""
        node.type = "TaskGroup" if group.prefix == "tasks" else "StepGroup"
        try:
            if "item" not in when_text(node.call) and not is_wanted(node, group.scope):
                self._skip(node, group, Phase.SKIPPED, f"when {when_text(node.call)} is false")
                return
            deal = None if loop.slices is None or node.call is None else Deal(node.call, loop.slices, group.scope)
            items = deal.orders() if loop.items is None and deal else loop_items(loop, group.scope.values)
            items = items if deal is None else deal.copies(items)
        except (ExpressionError, UnsafeArtifact) as exc:
            node.prepared = False
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        if not items:
            self._skip(node, group, Phase.SKIPPED, "the loop has no items")
            return
        node.phase, node.started = Phase.RUNNING, time.time()
        if node.type == "TaskGroup":
            self.commits.begin(node)
        window = loop.parallelism or (None if self._limit is None else max(2 * self._limit, _BATCH))
        self._post(LoopGroup(node, group, self, items, window, deal).begin)

    def _place(self, node: Node, template: Template) -> None:
        """Choose the directory of a node; a group has one only when it has a key."""
        if node.key is None and isinstance(template, StepsTemplate | DagTemplate):
            return
        earlier = self._finished.get(node.name)
        if earlier is not None and earlier.place is not None and earlier.key == node.key:
            node.place = earlier.place
            return
        step = node.call.name if node.call else node.display
        name = name_step_directory(self._layout.id, step, node.name, node.key, self._taken)
        self._taken.add(name)
        node.place = self._layout.step(name)
        if node.key is not None:
            first = self._keys.setdefault(node.key, node.name)
            if first != node.name:
                _log.warning(
                    "steps %r and %r have the same key %r; the second one's directory is %r",
                    first,
                    node.name,
                    node.key,
                    name,
                )
            elif name != node.key:
                _log.warning(
                    "the key %r of step %r cannot name a directory here; its directory is %r", node.key, node.name, name
                )

    def _open_group(self, node: Node, template: StepsTemplate | DagTemplate, parent: Group | None) -> None:
        scope = Scope(dict(self._globals))
        scope.values.update({f"inputs.parameters.{name}": text for name, text in node.inputs.items()})
        for artifact in template.inputs.artifacts:
            scope.artifacts[f"inputs.artifacts.{artifact.name}"] = node.input_artifacts.get(artifact.name)
        node.phase = Phase.RUNNING
        node.started = time.time()
        self.commits.begin(node)
        group = make_group(template, node, parent, scope, self)
        self._post(group.begin)

    # -- running leaves ---------------------------------------------------------------------------------------

    async def _run_leaf(
        self, node: Node, template: LeafTemplate, group: Group | None, scope: anyio.CancelScope
    ) -> None:
        try:
            with scope:
                phase, message = await self._runner.run(node, template)
            if scope.cancelled_caught:
                phase, message = Phase.FAILED, self.stopping or "stopped"
            self._post(lambda: self._finish(node, group, phase, message))
        except StateError as exc:
            self._broken = exc
            self._wake.set()
        finally:
            del self._running[node.id]
            if self._slots is not None:
                self._slots.give(self._held.pop(node.id))
            self._wake.set()

    def _still_holds(self, earlier: Node, node: Node) -> bool:
        """Whether a result of an earlier attempt is one of the same inputs; other code is only told of."""
        differs = changes(earlier.fingerprint, node.fingerprint)
        if any(name.startswith("input parameter") for name in differs):
            _log.warning("step %r is run again: %s changed", node.key or node.display, ", ".join(differs))
            return False
        if differs:
            _log.warning("step %r is kept although %s changed", node.key or node.display, ", ".join(differs))
        return True

    def _adopt(self, node: Node, earlier: Node, template: LeafTemplate, group: Group | None) -> None:
        """Take the outcome of an earlier attempt for this one."""
        node.started, node.finished, node.exit_code = earlier.started, earlier.finished, earlier.exit_code
        node.usage, node.message, node.reused = earlier.usage, earlier.message, earlier.reused
        node.phase = Phase.RUNNING
        try:
            leaf.collect(node, template, self._settings, strict=earlier.phase is Phase.SUCCEEDED)
        except LeafError:
            self._leaves.append((node, template, group))
            return
        if earlier.phase.is_failure:
            self.failures.append(node)
        self._conclude(node, group, earlier.phase)

    def _reuse(self, node: Node, template: Template, reused: Reused, group: Group | None) -> None:
        """Take the outputs of a step of another run for this one."""
        node.started, node.phase, node.reused = time.time(), Phase.RUNNING, reused.source
        differs = changes(reused.fingerprint, node.fingerprint)
        if differs:
            _log.warning(
                "step %r is reused from %s although it differs in: %s", node.key, reused.source, ", ".join(differs)
            )
        try:
            self.commits.begin(node)
            take_outputs(node, template, reused)
        except (LeafError, CopyError) as exc:
            self._finish(node, group, Phase.ERROR, str(exc))
            return
        self._finish(node, group, Phase.SUCCEEDED, f"reused from {reused.source}")

    # -- ends -------------------------------------------------------------------------------------------------

    def finish_group(self, group: Group, phase: Phase, message: str) -> None:
        """A group is done: compute its outputs, then its end is its parent's news."""
        node = group.node
        if isinstance(group, LoopGroup):
            try:
                self._gather(node, group)
            except (LeafError, CopyError, UnsafeArtifact) as exc:
                phase, message = Phase.ERROR, str(exc)
        elif phase is Phase.SUCCEEDED:
            try:
                group_outputs(node, self._templates[node.template], group.scope)
            except ExpressionError as exc:
                phase, message = Phase.ERROR, str(exc)
        self._finish(node, group.parent, phase, message)

    def _gather(self, node: Node, group: LoopGroup) -> None:
        """The outputs of a loop: lists of values, and artifacts stacked from those of the copies."""
        template = self._templates[node.template]
        good = [(index, copy) for index, copy in group.done if copy.phase is Phase.SUCCEEDED]
        slices = node.call.loop.slices if node.call and node.call.loop else None
        loop_outputs(node, template, [copy for _, copy in good], group.scope, group.prefix)
        if slices is None or node.call is None:
            return
        stacked = [a for a in template.outputs.artifacts if a.name in slices.output_artifacts]
        if stacked:
            name = name_step_directory(self._layout.id, node.call.name, node.name, None, self._taken)
            self._taken.add(name)
            for artifact in stacked:
                place = self._layout.step(name)
                node.output_artifacts[artifact.name] = stack_artifact(good, artifact, slices, place)

    def _skip(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        declare_skipped(node, self._templates[node.template])
        node.type = "Skipped"
        self._finish(node, group, phase, message)

    def _finish(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        node.message = message
        node.finished = time.time()
        if node.started is None:
            node.started = node.finished
        if node.type != "StepGroup" or self._is_own_fault(node, phase):  # in Steps a loop is no node (ND-03)
            self.commits.commit(node, phase, self._templates[node.template])
        if phase.is_failure and (node.type == "Pod" or self._is_own_fault(node, phase)):
            self.failures.append(node)
        self._conclude(node, group, phase)

    def _is_own_fault(self, node: Node, phase: Phase) -> bool:
        """A group that is Error although nothing inside it is: an argument or an output could not be resolved.

        So is a loop of which too few elements succeeded, in groups that went on without them.
        """
        is_loop = node.type in ("StepGroup", "TaskGroup") and phase is Phase.FAILED and self.stopping is None
        inside = tuple(f"{node.name}{mark}" for mark in ".[(")
        return (phase is Phase.ERROR or is_loop) and not any(failed.name.startswith(inside) for failed in self.failures)

    def _conclude(self, node: Node, group: Group | None, phase: Phase) -> None:
        node.phase = phase
        self._export(node)
        if group is None:
            self._root_ended(node)
            return
        hooks = self._hooks.pop(node.id, None)
        if not isinstance(group, HookGroup | LoopGroup):
            offer(node, self._templates[node.template], group.scope, group.prefix)
        elif hooks:  # of a copy: its siblings see only what the whole loop gives
            offer(node, self._templates[node.template], hooks.scope, group.prefix)
        self._post(partial(hooks.node_ended, phase) if hooks else partial(group.child_done, node))

    def _root_ended(self, node: Node) -> None:
        """The entry template or the exit handler has ended (HK-02, PH-06)."""
        if node is self.root and self._graph.on_exit is not None and self.stopping is None:
            template = self._templates[self._graph.on_exit]
            name = f"{self._layout.id}.onExit"
            self._exit = Node(self._new_id(name), name, "onExit", node_type(template), template.name, None)
            self._globals["workflow.status"] = node.phase.value
            self._globals["workflow.failures"] = failures_text(self.failures)
            self._globals.update({f"workflow.outputs.parameters.{n}": t for n, t in self.global_outputs.items()})
            self._begin(self._exit, template, None)
        else:
            self._over = True
            self._wake.set()

    def _export(self, node: Node) -> None:
        """Global outputs, last writer wins (OU-07)."""
        outputs = self._templates[node.template].outputs
        for parameter in outputs.parameters:
            text = node.outputs.get(parameter.name)
            if parameter.global_name and text is not None:
                self.global_outputs[parameter.global_name] = text
        for artifact in outputs.artifacts:
            value = node.output_artifacts.get(artifact.name)
            if artifact.global_name and value is not None:
                self.global_artifacts[artifact.global_name] = value.location
