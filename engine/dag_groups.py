"""Running DAG templates. Facts of Argo that are followed here: DG-01 to DG-05 in ``docs/semantics.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.depends import RESULTS, parse
from dflow.engine.errors import ExpressionError
from dflow.engine.groups import Group, StepsGroup, goes_on_after
from dflow.engine.model import StepsTemplate
from dflow.engine.near import near
from dflow.engine.phase import Phase
from dflow.engine.scope import STRICT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.engine.depends import Depends
    from dflow.engine.groups import Starter
    from dflow.engine.model import Call, DagTemplate
    from dflow.engine.node import Node
    from dflow.engine.scope import Scope

__all__ = ["DagGroup", "make_group"]

_PHASES = {
    "Succeeded": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
    "Errored": Phase.ERROR,
    "Skipped": Phase.SKIPPED,
    "Omitted": Phase.OMITTED,
}


class DagGroup(Group):
    """Tasks in the order of their dependencies.

    Raises:
        ExpressionError: its targets or what a task depends on cannot be read, or name no task.
    """

    prefix = "tasks"

    def __init__(self, node: Node, parent: Group | None, scope: Scope, starter: Starter, template: DagTemplate) -> None:
        super().__init__(node, parent, scope, starter, template.parallelism)
        self.fail_fast = template.fail_fast
        self._tasks = {task.name: task for task in template.tasks}
        self._depends = {t.name: _read(t, self._tasks) for t in template.tasks if t.depends is not None}
        self._targets = self._choose(template.targets) if template.targets else ()
        self._missing = {name: len(set(self._awaited(task))) for name, task in self._tasks.items()}
        self._next: dict[str, list[str]] = {name: [] for name in self._tasks}
        for name, task in self._tasks.items():
            for dependency in dict.fromkeys(self._awaited(task)):
                self._next[dependency].append(name)
        self._done: dict[str, Node] = {}

    def begin(self) -> None:
        """Start the tasks that depend on nothing."""
        if not self._tasks:
            self._finish(Phase.SUCCEEDED)
        else:
            self._launch(self._named(name for name, count in self._missing.items() if count == 0))

    # -- what a task waits for --------------------------------------------------------------------------------

    def _awaited(self, task: Call) -> tuple[str, ...]:
        """The tasks that must be done before this one."""
        depends = self._depends.get(task.name)
        if depends is None:
            return task.dependencies
        return (*task.dependencies, *(name for name, _ in depends.tasks))

    def _choose(self, targets: Iterable[str]) -> tuple[str, ...]:
        """Forget the tasks that do not lead to a target (DG-04); the targets."""
        text = " ".join(targets)
        names = tuple(dict.fromkeys((self._filled(text) if "{{" in text else text).split()))
        wanted, waiting = set(names), list(names)
        for name in names:
            if name not in self._tasks:
                raise ExpressionError(f"target {name!r} is no task of this DAG{near(name, self._tasks)}")
        while waiting:
            new = set(self._awaited(self._tasks[waiting.pop()])) - wanted
            wanted |= new
            waiting.extend(new)
        self._tasks = {name: task for name, task in self._tasks.items() if name in wanted}
        return names

    def _filled(self, text: str) -> str:
        from dflow.engine.expressions import substitute  # noqa: PLC0415 - few DAGs have such targets

        return substitute(text, self.scope.values, strict=STRICT)

    def _hindrance(self, task: Call) -> str | None:
        """Why a task does not run, now that all it waits for is done; None when it runs (DG-02)."""
        depends = self._depends.get(task.name)
        if depends is None:
            blocker = next((name for name in task.dependencies if not _allows(self._done[name])), None)
            return None if blocker is None else f"task {blocker!r} ended {self._done[blocker].phase}"
        if depends.holds(self._has):
            return None
        ends = ", ".join(f"{name!r} ended {self._done[name].phase}" for name in dict(depends.tasks))
        return f"depends {task.depends!r} is false: {ends}"

    def _has(self, name: str, result: str) -> bool:
        """Whether a task that is done has a result (DG-03)."""
        node = self._done[name]
        if not result:
            return _allows(node)
        phase = _PHASES.get(result)
        return result in node.of_copies if phase is None else node.phase is phase

    # -- ends -------------------------------------------------------------------------------------------------

    def _settled(self, child: Node) -> None:
        if child.call is None:
            return
        self._done[child.call.name] = child
        ready = []
        for name in self._next[child.call.name]:
            self._missing[name] -= 1
            if self._missing[name] == 0:
                ready.append(name)
        for call, name in self._named(ready):
            hindrance = self._hindrance(call)
            if hindrance is None:
                self._launch([(call, name)])
            else:
                self._active += 1
                self._starter.omit(call, name, self, hindrance)
        if len(self._done) == len(self._tasks):
            self._conclude()

    def _give_up(self, culprit: Node) -> None:
        self._finish(culprit.phase, f"task {culprit.display!r} ended {culprit.phase}")

    def _conclude(self) -> None:
        """DG-05: the worst of the targets; an omitted target stands for what it waited for."""
        targets = self._targets or [name for name, following in self._next.items() if not following]
        for phase in (Phase.ERROR, Phase.FAILED):
            for name in targets:
                culprit = self._culprit(self._done[name], phase)
                if culprit is not None:
                    self._finish(phase, f"task {culprit.display!r} ended {culprit.phase}")
                    return
        self._finish(Phase.SUCCEEDED)

    def _culprit(self, node: Node, phase: Phase) -> Node | None:
        """The node that gives this branch the phase, walking back over omitted and skipped nodes.

        Only the target itself can say that the phase does not matter: a failure that another node may have still is
        the phase of its branch, until a node after it completes.
        """
        if goes_on_after(node, phase):
            return None
        branch, seen = [node], set()
        while branch:
            current = branch.pop()
            if current.phase is phase:
                return current
            if current.phase in (Phase.OMITTED, Phase.SKIPPED) and current.call is not None:
                new = [d for d in self._awaited(current.call) if d not in seen]
                seen.update(new)
                branch.extend(self._done[d] for d in new)
        return None

    def _named(self, names: Iterable[str]) -> Iterable[tuple[Call, str]]:
        return ((self._tasks[name], f"{self.node.name}.{name}") for name in names)


def make_group(
    template: StepsTemplate | DagTemplate, node: Node, parent: Group | None, scope: Scope, starter: Starter
) -> Group:
    """The group that runs a template.

    Raises:
        ExpressionError: the template cannot be run as it is.
    """
    if isinstance(template, StepsTemplate):
        return StepsGroup(node, parent, scope, starter, template)
    return DagGroup(node, parent, scope, starter, template)


def _read(task: Call, tasks: dict[str, Call]) -> Depends:
    """What the ``depends`` of a task says."""
    text = task.depends or ""
    depends = parse(text)
    where = f"depends {text!r} of task {task.name!r}"
    if depends.problem:
        raise ExpressionError(f"{where} cannot be read: {depends.problem}")
    for name, result in depends.tasks:
        if name not in tasks:
            raise ExpressionError(f"{where} names {name!r}, which is no task{near(name, tasks)}")
        if result and result not in RESULTS:
            raise ExpressionError(f"{where} asks for {result!r}; use one of {', '.join(RESULTS)}")
    return depends


def _allows(node: Node) -> bool:
    """DG-01: a bare dependency is fulfilled by Succeeded and Skipped, and by a failure it continues on."""
    return node.phase is not Phase.OMITTED and (node.phase.is_ok or goes_on_after(node, node.phase))
