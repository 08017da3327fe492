"""Steps and tasks, and the templates that hold them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from dflow.engine.model import (
    ArtifactList,
    DagTemplate,
    Literal,
    Sequence,
    StepsTemplate,
)
from dflow.exporters.argo.export.big import big_argument, refuse_big
from dflow.exporters.argo.export.elements import element_of
from dflow.exporters.argo.export.flows import count_name
from dflow.exporters.argo.export.hoisting import late
from dflow.exporters.argo.export.leaves import TIMEOUT, common_fields
from dflow.exporters.argo.export.loops import Makers, needs_template, wrapped
from dflow.exporters.argo.export.pods import whole_seconds
from dflow.exporters.argo.export.ports import members_of
from dflow.exporters.argo.export.records import KEY
from dflow.exporters.argo.export.texts import guarded, quoted, refuse_tags, text_of
from dflow.exporters.argo.export.variants import Wanted, variant_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Call, Hook, Loop, Value
    from dflow.exporters.argo.export.context import Context

__all__ = ["call_of", "group_template", "hooks_of"]


def group_template(template: StepsTemplate | DagTemplate, context: Context) -> dict[str, Any]:
    """The manifest of a Steps or DAG."""
    made = {"name": template.name, **common_fields(template, context)}
    if template.parallelism is not None:
        made["parallelism"] = template.parallelism
    if template.fail_fast:
        made["failFast"] = True
    if isinstance(template, StepsTemplate):
        groups = [[call_of(call, "steps", context) for call in group] for group in template.groups]
        return {**made, "steps": [group for group in groups if group]}
    dag: dict[str, Any] = {"tasks": _tasks(template, context)}
    if template.targets:
        dag["target"] = " ".join(template.targets)
    if not template.fail_fast:
        dag["failFast"] = False
    return {**made, "dag": dag}


def _tasks(template: DagTemplate, context: Context) -> list[dict[str, Any]]:
    """The tasks of a DAG; ``dependencies`` go together with ``continueOn``, ``depends`` does not (DAG-05)."""
    rules = {task.name: task.continue_on for task in template.tasks}
    with_depends = any(task.depends is not None for task in template.tasks)
    made = []
    for task in template.tasks:
        fields = call_of(task, "tasks", context)
        if with_depends:
            fields.pop("continueOn", None)
            depends = task.depends or " && ".join(_bare(name, rules) for name in task.dependencies)
            fields |= {"depends": depends} if depends else {}
        elif task.dependencies:
            fields["dependencies"] = list(task.dependencies)
        made.append(fields)
    return made


def _bare(name: str, rules: Mapping[str, Any]) -> str:
    """A dependency with the failures after which it lets others go on (DG-01)."""
    more = [f"{name}.{word}" for word, on in (("Failed", rules[name].failed), ("Errored", rules[name].error)) if on]
    return f"({' || '.join([name, *more])})" if more else name


def call_of(call: Call, prefix: str, context: Context) -> dict[str, Any]:
    """A step or a task."""
    place = f"{prefix[:-1]} {call.name!r}"
    before = len(context.problems)
    if call.loop is not None and needs_template(call):
        made = wrapped(call, prefix, context, Makers(call_of, group_template))
    else:
        if call.loop is not None:
            call = late(call, "item")
        target = context.template(call.template)
        template = variant_of(target, _elements_of(call, context), None, context, group_template)
        made = {"name": call.name, "template": template, **_arguments(call, context)}
        if call.loop is not None:
            made |= _loop(call.loop, context)
        hooks = hooks_of(call.hooks, prefix, call.name, context)
        made |= {"hooks": hooks} if hooks else {}
        made |= _continue_on(call)
        if call.when is not None:
            made["when"] = text_of(call.when)
    context.problems[before:] = [
        problem if problem.startswith(place) else f"{place}: {problem}" for problem in context.problems[before:]
    ]
    return made


def _elements_of(call: Call, context: Context) -> Wanted:
    """What the arguments of a call ask of its template: to put artifacts together, or to take one apart."""
    parts, fixed = [], []
    for name, source in call.artifacts:
        if isinstance(source, ArtifactList):
            elements = tuple(element_of(name, member, context) for _, member in source.members)
            parts.append((name, tuple(key for key, _ in source.members), elements, source.is_dict))
        element = element_of(name, source, context)
        if element is not None:
            fixed.append((name, element))
    return Wanted(parts=tuple(parts), fixed=tuple(fixed))


def _arguments(call: Call, context: Context) -> dict[str, Any]:
    big = {p.name: p for p in context.template(call.template).inputs.parameters if p.big}
    small = [(name, v) for name, v in call.parameters if name not in big and (name != KEY or call.key is None)]
    for name, value in small:
        refuse_big(f"parameter {name!r}", value, context)
        refuse_tags(f"parameter {name!r} has", value, context)
    parameters = [{"name": name, "value": text_of(value)} for name, value in small]
    if call.key is not None:
        parameters.append({"name": KEY, "value": text_of(call.key)})
    if call.timeout is not None:
        parameters.append({"name": TIMEOUT, "value": _whole_seconds(call.timeout)})
    artifacts = [part for name, source in call.artifacts for part in members_of(name, source, context)]
    for name, source in call.artifacts:
        if (call.template, name) in context.flows.counted_inputs:
            count = context.flows.count_of(source)
            if count is None:
                context.problems.append(f"artifact {name!r}: how many elements it has is not known")
            parameters.append({"name": count_name(name), "value": text_of(count or Literal("0"))})
    artifacts += [big_argument(big[name], value, context) for name, value in call.parameters if name in big]
    made = {"parameters": parameters, "artifacts": artifacts}
    made = {name: value for name, value in made.items() if value}
    return {"arguments": made} if made else {}


def _whole_seconds(limit: Value) -> str:
    if isinstance(limit, Literal):
        with contextlib.suppress(ValueError):
            return str(whole_seconds(limit.text))
    return text_of(limit)


def _loop(loop: Loop, context: Context) -> dict[str, Any]:
    if isinstance(loop.items, Sequence):
        fields = ("count", "start", "end", "format")
        given = {name: value for name in fields if (value := getattr(loop.items, name)) is not None}
        return {"withSequence": {name: text_of(value) for name, value in given.items()}}
    if loop.items is None:
        return {}
    refuse_tags("its items have", loop.items, context)
    return {"withParam": text_of(loop.items)}


def _continue_on(call: Call) -> dict[str, Any]:
    rule = {"failed": call.continue_on.failed, "error": call.continue_on.error}
    rule = {name: on for name, on in rule.items() if on}
    return {"continueOn": rule} if rule else {}


def hooks_of(hooks: tuple[Hook, ...], prefix: str, owner: str, context: Context) -> dict[str, Any]:
    """Hooks of a step or task (HK-01)."""
    made = {}
    for hook in hooks:
        call = call_of(hook.call, prefix, context)
        fields = {"template": call["template"], **({"arguments": call["arguments"]} if "arguments" in call else {})}
        if hook.expression is not None:
            fields["expression"] = guarded(hook.expression)
        elif hook.name != "exit":
            status = f"{prefix}[{quoted(owner)}].status"
            fields["expression"] = " || ".join(f"{status} == {quoted(phase)}" for phase in hook.phases)
        made[hook.name] = fields
    return made
