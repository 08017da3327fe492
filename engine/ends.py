"""What happens when a node ends: its outputs are computed, its end is committed, and its group is told."""

from __future__ import annotations

import time
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from dflow.engine.attempts import LeafRunner
from dflow.engine.commit import Commits
from dflow.engine.errors import CopyError, ExpressionError, LeafError, UnsafeArtifact
from dflow.engine.groups import Group, LoopGroup
from dflow.engine.hooks import HookGroup
from dflow.engine.loop import WorkLoop
from dflow.engine.memo import MemoCache
from dflow.engine.names import exit_names, workflow_names
from dflow.engine.node import Node, node_type
from dflow.engine.outputs import declare_skipped, group_outputs, loop_outputs, offer
from dflow.engine.phase import Phase
from dflow.engine.places import Places
from dflow.engine.retry_groups import RetryGroup
from dflow.engine.scope import ArtifactValue
from dflow.engine.stacking import stack_artifact, stack_parameters, whole_artifact

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template, WorkflowGraph
    from dflow.engine.ports import Executor
    from dflow.engine.resume import Earlier
    from dflow.engine.settings import RunSettings
    from dflow.engine.slots import Slots

__all__ = ["Ends"]


class Ends(WorkLoop):
    """The half of the scheduler that takes nodes from running to their final phase.

    Attributes:
        root: the node of the entry template.
        failures: leaf nodes that failed, and groups that failed through no node inside of them; in order.
        global_outputs, global_artifacts: what the workflow gives so far, by global name.
    """

    def __init__(
        self,
        graph: WorkflowGraph,
        layout: RunLayout,
        settings: RunSettings,
        executor: Executor,
        earlier: Earlier,
        shared: Slots | None,
    ) -> None:
        self.commits = Commits(layout, settings.durability)
        self._globals = workflow_names(graph, layout)
        runner = LeafRunner(layout, settings, executor, self.commits, self._globals)
        limit = settings.workers() if graph.parallelism is None else graph.parallelism
        super().__init__(layout, runner, limit, shared, parallel=executor.capabilities.parallel)
        self._graph = graph
        self._templates = {template.name: template for template in graph.templates}
        self._layout = layout
        self._memo = MemoCache(layout.cache, layout.id)
        self._places = Places(layout, earlier.finished, earlier.taken, self.commits.moved)
        self._hooks: dict[str, HookGroup] = {}
        self._exit: Node | None = None
        self._exit_after_stop = True
        self.root = Node(layout.id, layout.id, layout.id, "", graph.entrypoint, None)
        self.failures: list[Node] = []
        self.global_outputs: dict[str, str] = {}
        self.global_artifacts: dict[str, str] = {}

    @abstractmethod
    def _begin(self, node: Node, template: Template, group: Group | None) -> None:
        """Start a node."""

    def stop(self, why: str, *, run_exit_handler: bool = False) -> None:
        """End all running steps; every node that is not done becomes Failed with this message.

        Args:
            run_exit_handler: the exit handler runs all the same; when it does already, nothing is ended.
        """
        if run_exit_handler and self._exit is not None:
            return
        self._exit_after_stop = run_exit_handler and self._exit_after_stop
        if self.stopping is None:
            self._end_steps(why)

    def finish_group(self, group: Group, phase: Phase, message: str) -> None:
        """A group is done: compute its outputs, then its end is its parent's news."""
        node = group.node
        if isinstance(group, LoopGroup):
            try:
                self._gather(node, group)
            except (LeafError, CopyError, UnsafeArtifact) as exc:
                phase, message = Phase.ERROR, str(exc)
        elif isinstance(group, RetryGroup):
            if group.last is not None:
                node.outputs, node.output_artifacts = group.last.outputs, group.last.output_artifacts
        elif phase is Phase.SUCCEEDED:
            try:
                group_outputs(node, self._templates[node.template], group.scope)
                self._make_whole(node)
            except (ExpressionError, LeafError, CopyError) as exc:
                phase, message = Phase.ERROR, str(exc)
        self._finish(node, group.parent, phase, message)

    def _make_whole(self, node: Node) -> None:
        """Outputs that are elements of artifacts become artifacts of their own."""
        chosen = {name: v for name, v in node.output_artifacts.items() if v is not None and v.parts is not None}
        if chosen:
            step = node.call.name if node.call else node.display
            place = node.place or self._places.new_directory(step, node.name)
            for name, value in chosen.items():
                node.output_artifacts[name] = whole_artifact(value, place.output_artifacts / name)

    def _gather(self, node: Node, group: LoopGroup) -> None:
        """The outputs of a loop: lists of values, and artifacts stacked from those of the copies."""
        template = self._templates[node.template]
        good = [(index, copy) for index, copy in group.done if copy.phase is Phase.SUCCEEDED]
        loop_outputs(node, template, [copy for _, copy in good], group.scope, group.prefix)
        if group.deal is None or node.call is None:
            return
        stack_parameters(node, template, good, group.deal)
        stacked = [a for a in template.outputs.artifacts if a.name in group.deal.slices.output_artifacts]
        if stacked:
            place = self._places.new_directory(node.call.name, node.name)
            for artifact in stacked:
                node.output_artifacts[artifact.name] = stack_artifact(good, artifact, group.deal, place)

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
        if node.memo_key is not None and phase is Phase.SUCCEEDED and node.memoized is None:
            self._memo.keep(node)
        if phase.is_failure and (node.type == "Pod" or self._is_own_fault(node, phase)):
            self.failures.append(node)
        self._conclude(node, group, phase)

    def forget_failures(self, attempt: Node) -> None:
        """An attempt is made good by another: what failed in it is no news any more."""
        inside = tuple(f"{attempt.name}{mark}" for mark in ".[")
        self.failures = [f for f in self.failures if f is not attempt and not f.name.startswith(inside)]

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
        """The entry template or the exit handler has ended (HK-02, PH-06). After a stop it runs all the same."""
        wanted = self.stopping is None or self._exit_after_stop
        if node is not self.root or self._graph.on_exit is None or not wanted:
            self._over = True
            self._wake.set()
            return
        self._allow_steps()
        template = self._templates[self._graph.on_exit]
        name = f"{self._layout.id}.onExit"
        self._exit = Node(self._places.new_id(name), name, "onExit", node_type(template), template.name, None)
        self._globals.update(exit_names(node, self.failures, self.global_outputs))
        self._begin(self._exit, template, None)

    def _artifacts_of_all(self) -> dict[str, ArtifactValue | None]:
        """The global artifacts, for the exit handler."""
        return {f"workflow.outputs.artifacts.{n}": ArtifactValue(path) for n, path in self.global_artifacts.items()}

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
