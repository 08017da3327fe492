"""Steps and tasks as statements of a script."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from dflow.code_gen.layout import Listed, assign, assign_attribute, call, literal, quote, render
from dflow.code_gen.ports import dict_piece
from dflow.code_gen.values import Scope
from dflow.compile.references import call_mentions, mentioned
from dflow.engine import model
from dflow.step import HOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dflow.code_gen.layout import Piece
    from dflow.code_gen.names import Names
    from dflow.code_gen.values import Values

__all__ = ["CallWriter"]

_RANGE = re.compile(r"toJson\(sprig\.untilStep\((-?\d+), (-?\d+), (-?\d+)\)\)")


class CallWriter:
    """Writes steps and tasks.

    Args:
        templates: by name.
        variables: of the templates, by name.
    """

    def __init__(
        self,
        names: Names,
        values: Values,
        templates: Mapping[str, model.Template],
        variables: Mapping[str, str],
    ) -> None:
        self._names = names
        self._values = values
        self._templates = templates
        self._variables = variables

    def body(self, template: model.StepsTemplate | model.DagTemplate) -> Iterator[str]:
        """The statements that fill a template: its steps, and where its outputs come from."""
        scope = Scope(template, self._variables[template.name], self._templates)
        if isinstance(template, model.StepsTemplate):
            for group in template.groups:
                yield from self._group(group, scope)
        else:
            yield from self._tasks(template.tasks, scope)
        yield from self._sources(template, scope)

    def _group(self, group: tuple[model.Call, ...], scope: Scope) -> Iterator[str]:
        for step in group:
            yield from self._step(step, scope)
        made = [scope.calls[step.name][0] for step in group]
        yield from _add(scope.variable, made, alone=len(made) == 1)

    def _tasks(self, tasks: tuple[model.Call, ...], scope: Scope) -> Iterator[str]:
        ordered = _in_order(tasks)
        for task in ordered:
            yield from self._step(task, scope)
            if ordered == list(tasks):
                yield from _add(scope.variable, [scope.calls[task.name][0]], alone=True)
        if ordered != list(tasks):
            yield from _add(scope.variable, [scope.calls[task.name][0] for task in tasks], alone=False)

    def _step(self, made: model.Call, scope: Scope) -> Iterator[str]:
        is_task = isinstance(scope.template, model.DagTemplate)
        kind = self._names.ours("Task" if is_task else "Step")
        variable = self._names.variable(made.name, f"{scope.template.name}_{made.name}")
        wanted = self._dependencies(made, scope) if is_task else None
        arguments = [("dependencies", wanted), *self._arguments(made, scope)]
        head = [quote(made.name), self._variables[made.template]]
        yield assign(variable, call(kind, *head, named=arguments))
        scope.calls[made.name] = (variable, made)
        for hook in made.hooks:
            yield assign(f"{variable}.{HOOKS[hook.name][0]}", self._hook(hook, scope))

    def _hook(self, hook: model.Hook, scope: Scope) -> Piece:
        named: list[tuple[str, Piece | None]] = [
            ("expression", None if hook.expression is None else quote(hook.expression)),
            ("name", None if hook.call.name == "hook" else quote(hook.call.name)),
            *self._arguments(hook.call, scope),
        ]
        return call(self._names.ours("HookStep"), self._variables[hook.call.template], named=named)

    def _dependencies(self, task: model.Call, scope: Scope) -> Piece | None:
        """The tasks that are waited for without being mentioned."""
        mentions = _mentions(task)
        names = [name for name in task.dependencies if name not in mentions]
        pieces = [scope.calls[name][0] if name in scope.calls else quote(name) for name in names]
        return Listed("[]", tuple(("", piece) for piece in pieces)) if pieces else None

    def _arguments(self, made: model.Call, scope: Scope) -> list[tuple[str, Piece | None]]:
        rules = made.continue_on
        return [
            ("parameters", self._parameters(made, scope)),
            ("artifacts", dict_piece({name: self._values.artifact(source, scope) for name, source in made.artifacts})),
            ("when", self._optional(made.when)),
            *self._loop(made, scope),
            ("key", self._optional(made.key)),
            ("continue_on_failed", "True" if rules.failed else None),
            ("continue_on_error", "True" if rules.error else None),
            ("continue_on_num_success", None if rules.num_success is None else repr(rules.num_success)),
            ("continue_on_success_ratio", None if rules.success_ratio is None else repr(rules.success_ratio)),
            ("timeout", self._optional(made.timeout)),
            ("isolation", None if made.isolation is None else quote(made.isolation)),
            ("executor", None if made.executor is None else self._executor(made.executor)),
            *((f"util_{name}", literal(value)) for name, value in json.loads(made.helper_pod or "{}").items()),
        ]

    def _executor(self, made: model.ExecutorSpec) -> Piece:
        return call(self._names.ours("DirectExecutor"), quote(made.kind), literal(json.loads(made.config)))

    def _parameters(self, made: model.Call, scope: Scope) -> Piece | None:
        declared = {p.name: p.type for p in self._templates[made.template].inputs.parameters}
        slices = made.loop.slices if made.loop is not None else None
        pieces = {}
        for name, value in made.parameters:
            sliced = slices is not None and name in slices.input_parameters
            kind = None if sliced else declared.get(name)
            pieces[name] = self._values.parameter(value, kind, scope, is_list=sliced)
        return dict_piece(pieces)

    def _optional(self, value: model.Value | None) -> Piece | None:
        return None if value is None else self._values.text(value)

    # -- loops ----------------------------------------------------------------------------------------------------

    def _loop(self, made: model.Call, scope: Scope) -> list[tuple[str, Piece | None]]:
        loop = made.loop
        if loop is None:
            return []
        items: list[tuple[str, Piece | None]] = []
        if isinstance(loop.items, model.Sequence):
            sequence = {name: getattr(loop.items, name) for name in ("count", "start", "end", "format")}
            named = [(name, self._optional(value)) for name, value in sequence.items()]
            items = [("with_sequence", call(self._names.ours("argo_sequence"), named=named))]
        elif loop.items is not None:
            items = [("with_param", self._items(loop.items, scope))]
        parallelism = None if loop.parallelism is None else repr(loop.parallelism)
        slices = None if loop.slices is None else self._slices(loop.slices, made)
        return [*items, ("parallelism", parallelism), ("slices", slices)]

    def _items(self, items: model.Value, scope: Scope) -> Piece:
        match = _RANGE.fullmatch(items.source) if isinstance(items, model.Expr) else None
        if match is None:
            return self._values.parameter(items, "list", scope)
        start, end, step = map(int, match.groups())
        numbers = [end] if (start, step) == (0, 1) else [start, end] if step == 1 else [start, end, step]
        return call(self._names.ours("argo_range"), *map(repr, numbers))

    def _slices(self, slices: model.Slices, made: model.Call) -> Piece:
        own = made.loop is not None and made.loop.items is None
        usual = model.Ref("item.order" if own else "item")
        counted = made.continue_on.num_success is not None or made.continue_on.success_ratio is not None
        grouped = slices.group_size is not None
        named: list[tuple[str, Piece | None]] = [
            ("slices", None if slices.index == usual else self._values.text(slices.index)),
            *[(name.removesuffix("s"), _names(getattr(slices, name))) for name in _SIDES],
            ("group_size", _repr(slices.group_size)),
            ("shuffle", "True" if slices.shuffle else None),
            ("random_seed", repr(slices.random_seed) if slices.random_seed else None),
            ("pool_size", _repr(slices.pool_size)),
            ("pool_timeout", _repr(slices.pool_timeout)),
            ("create_dir", "True" if slices.create_dir else None),
            ("raise_for_group", "True" if grouped and counted and slices.raise_for_group else None),
        ]
        return call(self._names.ours("Slices"), named=named)

    # -- outputs --------------------------------------------------------------------------------------------------

    def _sources(self, template: model.StepsTemplate | model.DagTemplate, scope: Scope) -> Iterator[str]:
        for o in template.outputs.parameters:
            item = f"{scope.variable}.outputs.parameters[{quote(o.name)}]"
            if o.source is not None:
                yield self._assigned(item, *self._values.source(o.source, o.type, scope))
        for a in template.outputs.artifacts:
            item = f"{scope.variable}.outputs.artifacts[{quote(a.name)}]"
            match a.source:
                case None:
                    continue
                case model.ArtifactFrom(model.Expr(text), None, None) if "{{" not in text:
                    yield self._assigned(item, "from_expression", quote(text))
                case source:
                    yield self._assigned(item, "_from", self._values.artifact(source, scope))

    def _assigned(self, owner: str, attribute: str, value: Piece) -> str:
        return assign_attribute(owner, attribute, value, self._names.variable)


_SIDES = ("input_parameters", "input_artifacts", "output_parameters", "output_artifacts")


def _add(variable: str, made: list[str], *, alone: bool) -> Iterator[str]:
    yield render(call(f"{variable}.add", made[0] if alone else Listed("[]", tuple(("", name) for name in made))))


def _in_order(tasks: tuple[model.Call, ...]) -> list[model.Call]:
    """Tasks after those that they mention or wait for; otherwise in their own order."""
    names = {task.name for task in tasks}
    needs = {task.name: (set(task.dependencies) | _mentions(task)) & names - {task.name} for task in tasks}
    ordered: list[model.Call] = []
    done: set[str] = set()
    waiting = list(tasks)
    while waiting:
        ready = next((task for task in waiting if needs[task.name] <= done), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
        done.add(ready.name)
    return ordered


def _mentions(task: model.Call) -> set[str]:
    """The tasks whose outputs or fields a task uses."""
    found = [name for _, value in call_mentions(task) for name in mentioned(value)]
    return {name[1] for name in found if name[0] == "tasks" and len(name) > 1}


def _names(names: tuple[str, ...]) -> Piece | None:
    return literal(names) if names else None


def _repr(value: float | None) -> str | None:
    return None if value is None else repr(value)
