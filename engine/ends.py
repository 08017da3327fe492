"""What happens when a node ends: its outputs are computed, its end is committed, and its group is told."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.attempts import LeafRunner
from dflow.engine.commit import Commits
from dflow.engine.errors import CopyError, ExpressionError, LeafError, UnsafeArtifact
from dflow.engine.groups import Group, LoopGroup
from dflow.engine.hooks import HookGroup
from dflow.engine.keeping import Keeper
from dflow.engine.loop import Limits, WorkLoop
from dflow.engine.memo import MemoCache
from dflow.engine.model import Call, ContinueOn
from dflow.engine.names import exit_names, workflow_names
from dflow.engine.node import LEAF_TYPES, Node, node_type
from dflow.engine.outputs import declare_skipped, group_outputs, loop_outputs, offer
from dflow.engine.pace import Pace
from dflow.engine.pauses import Pauses
from dflow.engine.phase import Phase
from dflow.engine.places import Places
from dflow.engine.retry_groups import RetryGroup
from dflow.engine.scope import ArtifactValue, Scope, resolve_artifact
from dflow.engine.stacking import stack_artifact, stack_parameters, whole_artifact
from dflow.engine.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow.engine.around import Helpers
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Template, WorkflowGraph
    from dflow.engine.resume import Earlier
    from dflow.engine.settings import RunSettings
    from dflow.engine.slices import Deal

__all__ = ["Ends"]

_log = logging.getLogger("dflow.engine")


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
        earlier: Earlier,
        helpers: Helpers,
    ) -> None:
        self.commits = Commits(layout, settings.durability)
        self._globals = workflow_names(graph, layout, settings.namespace)
        self._keeper = Keeper(graph, layout)
        runner = LeafRunner(layout, settings, helpers, self.commits, self._globals, self._keeper)
        templates = {template.name: template for template in graph.templates}
        parallel = helpers.executor.capabilities.parallel
        pace = None if settings.batch_size is None else Pace(settings.batch_size, settings.batch_interval)
        limits = Limits(settings.places(graph.parallelism) if parallel else 1, graph.parallelism, pace)
        super().__init__(layout, runner, limits, helpers.shared, parallel=parallel)
        self._graph = graph
        self._templates = templates
        self._windows = Windows(templates, limits, runner.is_elsewhere)
        self._layout = layout
        self._memo = MemoCache(layout.cache, layout.id)
        self._places = Places(layout, earlier.finished, earlier.taken, self.commits.moved)
        self._hooks: dict[str, HookGroup] = {}
        self._pauses = Pauses(layout, self)
        self._helpers: dict[str, bool | str] = {t.name: True for t in graph.templates if getattr(t, "helper", False)}
        self._helpers |= {t.name: "loop" for t in graph.templates if getattr(t, "around_loop", False)}
        self._exit: Node | None = None
        self._exit_after_stop = True
        self._store = str(layout.store)
        self._follow: Callable[[], None] = self._be_over
        self.root = Node(layout.id, layout.id, layout.id, "", graph.entrypoint, None)
        self.failures: list[Node] = []
        self._not_gathered: set[str] = set()
        self._lineage = helpers.lineage
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
            self._pauses.stop(why)

    def finish(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        """A node that is no leaf step is done."""
        self._finish(node, group, phase, message)

    def finish_group(self, group: Group, phase: Phase, message: str) -> None:
        """A group is done: compute its outputs, then its end is its parent's news."""
        node = group.node
        if isinstance(group, LoopGroup):
            try:
                self._gather(node, group)
            except (LeafError, CopyError, UnsafeArtifact) as exc:
                phase, message = Phase.ERROR, f"{exc}{group.not_started}"
                self._not_gathered.add(node.id)
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
        chosen = {
            name: value
            for name, value in node.output_artifacts.items()
            if value is not None and (value.parts is not None or value.raw is not None)
        }
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
        self._stack(node, node.call, template, good, group.deal)

    def _stack(self, node: Node, call: Call, template: Template, good: list[tuple[int, Node]], deal: Deal) -> None:
        """Lists of the values that the slices gave, and their artifacts as one."""
        stack_parameters(node, template, good, deal)
        stacked = [a for a in template.outputs.artifacts if a.name in deal.slices.output_artifacts]
        if stacked:
            place = self._places.new_directory(call.name, node.name)
            for artifact in stacked:
                node.output_artifacts[artifact.name] = stack_artifact(good, artifact, deal, place)

    def _skip(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        declare_skipped(node, self._templates[node.template])
        node.type = "Skipped"
        self._finish(node, group, phase, message)

    def _skip_empty_loop(self, node: Node, group: Group, deal: Deal | None) -> None:
        """A loop without items; what its slices would be stacked to is there, and empty."""
        message = "the loop has no items"
        if deal is None or node.call is None:
            self._skip(node, group, Phase.SKIPPED, message)
            return
        template = self._templates[node.template]
        declare_skipped(node, template)
        self._stack(node, node.call, template, [], deal)
        node.type = "Skipped"
        self._finish(node, group, Phase.SKIPPED, message)

    def _finish(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        node.message = message
        node.finished = time.time()
        if node.started is None:
            node.started = node.finished
        if node.type != "StepGroup" or self._is_own_fault(node, phase):  # in Steps a loop is no node (ND-03)
            self.commits.commit(node, phase, self._templates[node.template])
        if node.memo_key is not None and phase is Phase.SUCCEEDED and node.memoized is None:
            self._memo.keep(node)
        if phase.is_failure and (node.type in LEAF_TYPES or self._is_own_fault(node, phase)):
            self.failures.insert(self._place_of_failure(node), node)
        self._conclude(node, group, phase)

    def forget_failures(self, attempt: Node) -> None:
        """An attempt is made good by another: what failed in it is no news any more."""
        inside = tuple(f"{attempt.name}{mark}" for mark in ".[")
        self.failures = [f for f in self.failures if f is not attempt and not f.name.startswith(inside)]

    def _is_own_fault(self, node: Node, phase: Phase) -> bool:
        """A group that is Error although nothing inside it is: an argument or an output could not be resolved.

        So is a loop of which too few elements succeeded, in groups that went on without them; and one whose outputs
        cannot be put together, whatever became of its elements.
        """
        if node.id in self._not_gathered and phase is Phase.ERROR:
            return True
        is_loop = node.type in ("StepGroup", "TaskGroup") and phase is Phase.FAILED and self.stopping is None
        inside = tuple(f"{node.name}{mark}" for mark in ".[(")
        return (phase is Phase.ERROR or is_loop) and not any(failed.name.startswith(inside) for failed in self.failures)

    def _place_of_failure(self, node: Node) -> int:
        """At the end; of a loop whose outputs cannot be put together before elements of it that were free to fail."""
        if node.id in self._not_gathered and node.call is not None and node.call.continue_on != ContinueOn():
            for index, failed in enumerate(self.failures):
                if failed.name.startswith(f"{node.name}("):
                    return index
        return len(self.failures)

    def _conclude(self, node: Node, group: Group | None, phase: Phase) -> None:
        node.phase = phase
        self._export(node, group)
        if self._lineage is not None and phase is Phase.SUCCEEDED and node.type == "Pod":
            self._lineage.succeeded(node)
        hooks = self._hooks.pop(node.id, None)
        if group is None:
            self._without_parent(node, hooks)
            return
        if not isinstance(group, HookGroup | LoopGroup):
            offer(node, self._templates[node.template], group.scope, group.prefix)
        elif hooks:  # of a copy: its siblings see only what the whole loop gives
            offer(node, self._templates[node.template], hooks.scope, group.prefix)
        self._post(partial(hooks.node_ended, phase) if hooks else partial(group.child_done, node))

    # -- the end of the whole ---------------------------------------------------------------------------------

    def _without_parent(self, node: Node, hooks: HookGroup | None) -> None:
        """The entry template or the exit handler has ended (HK-02, PH-06). After a stop it runs all the same."""
        is_wanted = self.stopping is None or self._exit_after_stop
        handler = self._exit_handler() if node is self.root and is_wanted else None
        if handler is not None or hooks is not None:
            self._globals.update(exit_names(node, self.failures, self.global_outputs))
        follow = self._be_over if handler is None else partial(self._run_exit_handler, handler)
        if hooks is None:
            follow()
            return
        self._follow = follow
        hooks.scope.values.update(self._globals)
        self._post(partial(hooks.node_ended, node.phase))

    def _hooks_of_all_ended(self) -> None:
        self._follow()

    def _exit_handler(self) -> Call | None:
        """What runs when everything else has ended."""
        if self._graph.on_exit is not None:
            return Call("onExit", self._graph.on_exit)
        return next((hook.call for hook in self._graph.hooks if hook.name == "exit"), None)

    def _run_exit_handler(self, handler: Call) -> None:
        if self._graph.on_exit is None and not self._is_exit_wanted():
            self._be_over()
            return
        self._allow_steps()
        template = self._templates[handler.template]
        name = f"{self._layout.id}.onExit"
        self._exit = Node(self._places.new_id(name), name, "onExit", node_type(template), template.name, None)
        self._exit.helper = self._helpers.get(template.name, False)
        if self._graph.on_exit is None:
            self._exit.call = handler
        self._give_arguments(self._exit, template)
        self._begin(self._exit, template, None)

    def _is_exit_wanted(self) -> bool:
        """Whether the expression of the exit hook is true."""
        expression = next(hook.expression for hook in self._graph.hooks if hook.name == "exit")
        if expression is None:
            return True
        try:
            return expressions.evaluate_bool(expression, self._globals)
        except ExpressionError as exc:
            _log.warning("the exit hook of the workflow cannot be decided: %s", exc)
            return False

    def _be_over(self) -> None:
        self._over = True
        self._wake.set()

    def _give_arguments(self, node: Node, template: Template) -> None:
        """The workflow's parameters and artifacts are the inputs of these names of what it calls itself."""
        given = dict(self._graph.parameters)
        for parameter in template.inputs.parameters:
            text = given.get(parameter.name)
            if text is not None:
                node.inputs[parameter.name] = text
        if self._graph.artifacts:
            sources, scope = dict(self._graph.artifacts), self._new_scope()
            for artifact in template.inputs.artifacts:
                value = resolve_artifact(sources[artifact.name], scope) if artifact.name in sources else None
                if value is not None:
                    node.input_artifacts[artifact.name] = value

    def _new_scope(self) -> Scope:
        """What every template knows."""
        artifacts: dict[str, ArtifactValue | None] = {}
        for name, path in self.global_artifacts.items():
            artifacts[f"workflow.outputs.artifacts.{name}"] = ArtifactValue(path)
        return Scope(dict(self._globals), artifacts, self._store)

    def _export(self, node: Node, group: Group | None) -> None:
        """Global outputs, last writer wins (OU-07). What has begun already knows them too."""
        outputs = self._templates[node.template].outputs
        for parameter in outputs.parameters:
            text = node.outputs.get(parameter.name)
            if parameter.global_name and text is not None:
                self.global_outputs[parameter.global_name] = text
                name = f"workflow.outputs.parameters.{parameter.global_name}"
                self._globals[name] = text
                for around in _groups(group):
                    around.scope.values[name] = text
        for artifact in outputs.artifacts:
            value = node.output_artifacts.get(artifact.name)
            if artifact.global_name and value is not None and not value.is_nowhere:
                self.global_artifacts[artifact.global_name] = value.location
                for around in _groups(group):
                    around.scope.artifacts[f"workflow.outputs.artifacts.{artifact.global_name}"] = value


def _groups(group: Group | None) -> Iterator[Group]:
    """A group and those around it."""
    while group is not None:
        yield group
        group = group.parent
