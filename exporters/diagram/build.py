"""From a graph to what is drawn of it."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dflow.engine import model
from dflow.exporters.diagram.scene import Box, Cluster, Edge, Point, Scene, first
from dflow.exporters.diagram.words import Phases, lines_of, one_line, waits_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dflow.exporters.diagram.scene import Item

__all__ = ["build_scene"]

_DEEP = 3
_DEEPEST = 30
_MOST = 4000
_MANY = 12
_EXIT = "onExit"
_KINDS = {model.SuspendTemplate: "suspend", model.HttpTemplate: "http", model.ResourceTemplate: "resource"}
Group = model.StepsTemplate | model.DagTemplate


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a call stands: the templates around it, outermost first, with their clusters."""

    around: tuple[tuple[str, Cluster], ...] = ()

    @property
    def depth(self) -> int:
        return len(self.around)

    def cluster(self, template: str) -> Cluster | None:
        return next((cluster for name, cluster in reversed(self.around) if name == template), None)


def build_scene(graph: model.WorkflowGraph, phases: Mapping[str, str] | None = None, most: int | None = None) -> Scene:
    """What is drawn of a graph.

    A template is drawn where it is called; not again inside of itself, and not below the third level when several
    steps call it, nor when there is too much already.

    Args:
        most: so many boxes, about, are enough: of many side by side, the first are drawn, and those that failed.
    """
    return _Builder(graph, Phases(phases), most).scene()


class _Builder:
    """One scene in the making; clusters are filled level by level, so what is left out is what lies deepest."""

    def __init__(self, graph: model.WorkflowGraph, phases: Phases, most: int | None = None) -> None:
        self._most = most
        self._graph = graph
        self._phases = phases
        self._templates = {template.name: template for template in graph.templates}
        self._called = Counter(call.template for template in graph.templates for call in _all_calls(template))
        self._scene = Scene(one_line(graph.name))
        self._waiting: deque[tuple[Cluster, Group, _Place]] = deque()
        self._stubs: list[tuple[Box, Cluster]] = []
        self._count = 0
        self._promised = 0

    def scene(self) -> Scene:
        graph, scene = self._graph, self._scene
        entry = self._item(model.Call(graph.name, graph.entrypoint), _Place())
        scene.inside.append(entry)
        self._hooks(graph.hooks, entry, scene.inside, scene.edges, _Place())
        if graph.on_exit is not None:
            handler = self._item(model.Call(_EXIT, graph.on_exit), _Place(), role="exit")
            scene.inside.append(handler)
            scene.edges.append(Edge(entry.id, handler.id, "on exit", "exit"))
        while self._waiting:
            self._fill(*self._waiting.popleft())
        for stub, cluster in self._stubs:
            target = first(cluster)
            if target is not stub:
                scene.again.append(Edge(stub.id, target.id, "again", "again"))
        return scene

    def _new_id(self) -> str:
        self._count += 1
        return f"n{self._count}"

    # -- one call ----------------------------------------------------------------------------------------------

    def _item(self, call: model.Call, place: _Place, role: str = "") -> Box | Cluster:
        template = self._templates[call.template]
        title, lines = one_line(call.name), [one_line(line) for line in lines_of(call, template)]
        said, phase = self._phases.words(call.name), self._phases.worst(call.name)
        said_lines = tuple(lines if said is None else [*lines, said])
        if not isinstance(template, Group):
            return Box(self._new_id(), title, _KINDS.get(type(template), "step"), role, said_lines, phase)
        around = place.cluster(template.name)
        if around is not None:
            stub = Box(self._new_id(), title, "again", role, said_lines, phase)
            self._stubs.append((stub, around))
            return stub
        if self._is_folded(template, place):
            return Box(self._new_id(), title, "folded", role, (*said_lines, _size(template)), phase)
        cluster = Cluster(self._new_id(), title, role, said_lines, phase)
        inner = _Place((*place.around, (template.name, cluster)))
        self._waiting.append((cluster, template, inner))
        self._promised += sum(1 for _ in _all_calls(template))
        return cluster

    def _is_folded(self, template: Group, place: _Place) -> bool:
        calls = sum(1 for _ in _all_calls(template))
        if calls == 0 or place.depth >= _DEEPEST:
            return True
        if place.depth > 0 and self._count + self._promised + calls > (self._most or _MOST):
            self._scene.is_limited = True
            return True
        return place.depth > _DEEP and self._called[template.name] > 1

    def _hooks(
        self, hooks: Iterable[model.Hook], owner: Item, inside: list[Item], edges: list[Edge], place: _Place
    ) -> None:
        for hook in hooks:
            item = self._item(hook.call, place, role="hook")
            inside.append(item)
            label = hook.name if hook.expression is None else f"{hook.name}: {hook.expression}"
            edges.append(Edge(owner.id, item.id, one_line(label), "hook"))

    # -- the inside of a cluster ---------------------------------------------------------------------------------

    def _fill(self, cluster: Cluster, template: Group, place: _Place) -> None:
        self._promised -= sum(1 for _ in _all_calls(template))
        if isinstance(template, model.StepsTemplate):
            before: list[str] = []
            for group in template.groups:
                made = self._side_by_side(group, cluster, place)
                before = self._join(before, list(dict.fromkeys(made)), cluster) if made else before
            return
        ids: dict[str, str] = {}
        for tasks in _alike(template.tasks):
            names = [task.name for task in tasks]
            ids.update(zip(names, self._side_by_side(tasks, cluster, place), strict=True))
        lines = {
            (ids[name], ids[task.name]): label
            for task in template.tasks
            for name, label in waits_for(task).items()
            if name in ids
        }
        cluster.edges += [Edge(source, target, label) for (source, target), label in lines.items()]

    def _side_by_side(self, calls: Sequence[model.Call], cluster: Cluster, place: _Place) -> list[str]:
        """Where lines to these calls end: at each of them, or, of many, at a frame around them."""
        if len(calls) <= _MANY:
            return [self._add(call, cluster, place).id for call in calls]
        frame = Cluster(self._new_id(), f"{len(calls)} side by side")
        shown = self._few(calls)
        for call in shown:
            self._add(call, frame, place)
        if len(shown) < len(calls):
            frame.inside.append(Box(self._new_id(), f"… {len(calls) - len(shown):,} more", "folded"))
        cluster.inside.append(frame)
        return [frame.id] * len(calls)

    def _few(self, calls: Sequence[model.Call]) -> Sequence[model.Call]:
        """As many as there is room for: what failed, and then the first."""
        room = len(calls) if self._most is None else max(_MANY, self._most - self._count)
        if len(calls) <= room:
            return calls
        self._scene.is_limited = True
        worst = {call.name for call in calls if (phase := self._phases.worst(call.name)) and phase.is_failure}
        chosen = sorted(range(len(calls)), key=lambda n: (calls[n].name not in worst, n))[:room]
        return [calls[n] for n in sorted(chosen)]

    def _add(self, call: model.Call, cluster: Cluster, place: _Place) -> Item:
        item = self._item(call, place)
        cluster.inside.append(item)
        self._hooks(call.hooks, item, cluster.inside, cluster.edges, place)
        return item

    def _join(self, before: list[str], after: list[str], cluster: Cluster) -> list[str]:
        if len(before) > 1 and len(after) > 1:
            point = Point(self._new_id())
            cluster.inside.append(point)
            cluster.edges += [Edge(source, point.id) for source in before]
            before = [point.id]
        cluster.edges += [Edge(source, target) for source in before for target in after]
        return after


def _alike(tasks: Sequence[model.Call]) -> list[list[model.Call]]:
    """Tasks in groups of those that wait for the same tasks, and that the same tasks wait for."""
    followers: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for task in tasks:
        for name, label in waits_for(task).items():
            followers[name].append((task.name, label))
    groups: dict[object, list[model.Call]] = defaultdict(list)
    for task in tasks:
        groups[tuple(waits_for(task).items()), tuple(followers[task.name])].append(task)
    parts = [part for group in groups.values() for part in ([group] if len(group) > _MANY else [[t] for t in group])]
    place = {task.name: number for number, task in enumerate(tasks)}
    return sorted(parts, key=lambda part: place[part[0].name])


def _calls(template: model.Template) -> list[model.Call]:
    if isinstance(template, model.StepsTemplate):
        return [call for group in template.groups for call in group]
    return list(template.tasks) if isinstance(template, model.DagTemplate) else []


def _all_calls(template: model.Template) -> Iterable[model.Call]:
    """The calls of a template, with those of hooks."""
    for call in _calls(template):
        yield call
        yield from (hook.call for hook in call.hooks)


def _size(template: Group) -> str:
    count = len(_calls(template))
    what = "step" if isinstance(template, model.StepsTemplate) else "task"
    return f"… {count} {what}{'' if count == 1 else 's'}"
