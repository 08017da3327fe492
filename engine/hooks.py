"""Hooks of a step: other templates that run when it starts or ends (HK-01, HK-02).

What depends on the step waits for its hooks; a hook that fails changes nothing else.
"""

from __future__ import annotations

import logging
from collections import ChainMap
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.groups import Group
from dflow.engine.phase import Phase
from dflow.engine.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dflow.engine.groups import Starter
    from dflow.engine.model import Hook
    from dflow.engine.node import Node

__all__ = ["HookGroup"]

_log = logging.getLogger("dflow.engine")


class HookGroup(Group):
    """The hooks of one node. They see what the node's siblings see, and the node itself once it has ended."""

    def __init__(
        self,
        node: Node,
        parent: Group | None,
        scope: Scope,
        starter: Starter,
        hooks: Iterable[Hook],
        tell: Callable[[], None],
    ) -> None:
        super().__init__(node, parent, scope, starter, None)
        self.prefix = "steps" if parent is None else parent.prefix
        self._waiting = list(hooks)
        self._tell: Callable[[], None] | None = tell
        self._status = "workflow.status"
        if parent is not None and node.call is not None:
            self._status = f"{self.prefix}.{node.call.name}.status"

    @classmethod
    def of_node(cls, node: Node, parent: Group, starter: Starter) -> HookGroup:
        """The hooks of a step or task. Its parent is told of its end when they are done."""
        scope = parent.scope
        if node.item is not None:  # what a copy of a loop gives is known by its hooks alone
            scope = Scope(ChainMap({}, scope.values), dict(scope.artifacts), scope.store)
        hooks = node.call.hooks if node.call else ()
        return cls(node, parent, scope, starter, hooks, lambda: parent.child_done(node))

    def begin(self) -> None:
        """The node starts: start the hooks that want to know."""
        self._fire(Phase.RUNNING)

    def node_ended(self, phase: Phase) -> None:
        """The node has its final phase: start the hooks for that; when all are done, its parent is told."""
        self.end = phase
        if phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR):
            self._fire(phase)
        self._tell_if_done()

    def child_done(self, child: Node) -> None:
        """A hook has ended. Its end is not that of the node, even when the run is being ended."""
        self._active -= 1
        self._settled(child)

    def _settled(self, child: Node) -> None:
        if child.phase.is_failure:
            _log.warning("hook %r ended %s: %s", child.name, child.phase, child.message)
        self._tell_if_done()

    def _tell_if_done(self) -> None:
        if self.end is not None and self._active == 0 and self._tell is not None:
            tell, self._tell = self._tell, None
            tell()

    def _fire(self, phase: Phase) -> None:
        for hook in [hook for hook in self._waiting if self._wants(hook, phase)]:
            self._waiting.remove(hook)
            self._start(hook.call, f"{self.node.name}.{'onExit' if hook.name == 'exit' else f'hooks.{hook.name}'}")

    def _wants(self, hook: Hook, phase: Phase) -> bool:
        is_exit = hook.name == "exit"
        if is_exit and self.end is None:
            return False
        if hook.expression is None:
            return is_exit or phase.value in hook.phases
        names = {"workflow.status": Phase.RUNNING.value, **self.scope.values, self._status: phase.value}
        try:
            return expressions.evaluate_bool(hook.expression, names)
        except ExpressionError as exc:
            _log.warning("hook %r of %r cannot be decided: %s", hook.name, self.node.name, exc)
            return False
