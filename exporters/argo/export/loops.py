"""Loops that are more than a loop of Argo: slices, and rules of how many copies must succeed.

Such a step becomes a DAG of its own, made here and marked as a helper: the looped task, and what belongs to it. What
its arguments name outside becomes an input of that DAG.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.model import (
    ArtifactFrom,
    ArtifactList,
    ContinueOn,
    Literal,
    Ref,
    Sequence,
)
from dflow.exporters.argo.export.context import digest
from dflow.exporters.argo.export.copies import fields_named, hooks_inside, loop_of, moved_items, with_elements
from dflow.exporters.argo.export.dealing import (
    Dealt,
    dynamic_items,
    has_some,
    known_items,
    known_sequence,
    length_of,
    takes_lists,
)
from dflow.exporters.argo.export.elements import element_of
from dflow.exporters.argo.export.flows import count_name, counted_source, store_of
from dflow.exporters.argo.export.hoisting import Hoisted, Unmoved, late, mentions_item
from dflow.exporters.argo.export.ports import source_of, whole_of
from dflow.exporters.argo.export.records import ANNOTATION, HELPER, is_op, shortened
from dflow.exporters.argo.export.stacking import SUCCESS, check_of, counted, stacked_outputs
from dflow.exporters.argo.export.texts import as_expression, guarded, name_of, refuse_tags, text_of
from dflow.exporters.argo.export.variants import AT, ORDERS, STORE, Wanted, variant_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import Call, Slices, Value
    from dflow.exporters.argo.export.context import Context

__all__ = ["Makers", "needs_template", "wrapped"]


class Makers(NamedTuple):
    """How calls and groups are made: a loop is in both, and they are in it."""

    call_of: Callable[[Call, str, Context], dict[str, Any]]
    group_template: Callable[[Any, Context], dict[str, Any]]


def needs_template(call: Call) -> bool:
    """Whether a looped call is more than Argo's own loop."""
    loop = call.loop
    return loop is not None and (loop.slices is not None or loop.parallelism is not None or counted(call))


def wrapped(call: Call, prefix: str, context: Context, makers: Makers) -> dict[str, Any]:
    """The call of a template that holds the loop."""
    loop = loop_of(call)
    hoisted = Hoisted()
    slices = loop.slices
    if slices is not None and _is_plain(call, slices, context):
        return _inlined(call, slices, prefix, context, makers)
    inner = replace(_inner(call, hoisted), hooks=hooks_inside(call, prefix))
    if any(p.big for p in context.template(call.template).inputs.parameters):
        context.problems.append("big parameters of sliced steps cannot be exported; make them artifacts")
    dealt = None if slices is None else _dealt(call, slices, hoisted, context)
    wanted = _wanted(call, dealt, context)
    made_outside: str | None = None
    items: dict[str, Any] = {}
    if dealt is None:
        total = _total(call, hoisted, context) if counted(call) else ""
    else:
        text, total = _items(dealt, context)
        made_outside = has_some(_dealt(call, dealt.slices, Unmoved(), context))
        items = {"withParam": text}
        inner = late(with_elements(inner, dealt), "item.order")
    task = makers.call_of(inner, "tasks", context) | items
    task["template"] = variant_of(context.template(call.template), wanted, slices, context, makers.group_template)
    _add_arguments(task, wanted, hoisted, call)
    made = _template(call, prefix, task, total, hoisted, context)
    name = shortened(f"{call.name.lower()}-loop", digest(made))
    name = context.add({"name": name, **made}, f"{prefix[:-1]} {call.name!r}")
    return _outer(call, name, hoisted, made_outside, context)


def _inlined(call: Call, slices: Slices, prefix: str, context: Context, makers: Makers) -> dict[str, Any]:
    """A sliced call whose copies leave nothing to put together: a loop of Argo over the elements."""
    dealt = _dealt(call, slices, Unmoved(), context)
    text, _ = _items(dealt, context)
    kept = tuple((name, value) for name, value in call.parameters if name not in dealt.lists)
    inner = late(with_elements(replace(call, parameters=kept, loop=None), dealt), "item.order")
    return makers.call_of(inner, prefix, context) | {"withParam": text}


def _is_plain(call: Call, slices: Slices, context: Context) -> bool:
    """Whether nothing of a sliced loop needs a template around it."""
    target = context.template(call.template)
    outputs = {p.name for p in target.outputs.parameters} | {a.name for a in target.outputs.artifacts}
    is_stacked = bool(outputs & {*slices.output_parameters, *slices.output_artifacts})
    picks = any(name in slices.input_artifacts for name, _ in call.artifacts)
    in_groups = slices.group_size is not None and is_op(target)
    return not (is_stacked or picks or in_groups or counted(call) or loop_of(call).parallelism is not None)


def _wanted(call: Call, dealt: Dealt | None, context: Context) -> Wanted:
    if dealt is None:
        return Wanted(counted=counted(call), fixed=_fixed(call, (), context))
    target = context.template(call.template)
    stacked = tuple(a.name for a in target.outputs.artifacts if a.name in dealt.slices.output_artifacts)
    with_count = counted(call) or any((call.template, name) in context.flows.counted_outputs for name in stacked)
    fixed = _fixed(call, dealt.picks, context)
    return Wanted(dealt.in_groups, dealt.picks, stacked, with_count, tuple(dealt.lists), fixed=fixed)


def _fixed(call: Call, picks: tuple[str, ...], context: Context) -> tuple[tuple[str, str], ...]:
    """Artifacts of which all copies get one element."""
    found = []
    for name, source in call.artifacts:
        element = element_of(name, source, context)
        if element is not None and name in picks:
            context.problems.append(f"artifact {name!r}: slices of an element of an artifact cannot be exported")
        elif element is not None:
            found.append((name, element))
        elif isinstance(source, ArtifactList):
            context.problems.append(f"artifact {name!r}: a list or dict of artifacts cannot go to a loop of this kind")
    return tuple(found)


def _total(call: Call, hoisted: Hoisted, context: Context) -> str:
    """How many copies a loop without slices has."""
    loop = loop_of(call)
    items = loop.items
    if isinstance(items, Sequence):
        spec = known_sequence(items)
        if spec is not None:
            return str(len(expressions.expand_sequence(spec)))
        if items.count is not None:
            return text_of(hoisted.inside(items.count))
        context.problems.append("success_ratio= needs a loop of which the number of copies can be told")
        return "0"
    if isinstance(items, Literal):
        return str(len(expressions.expand_items(items.text)))
    return "{{=" + guarded(f"len(fromJSON({as_expression(hoisted.inside(items or Literal('[]')))}))") + "}}"


def _inner(call: Call, hoisted: Hoisted) -> Call:
    """The looped call as a task of the DAG around it."""
    loop = loop_of(call)
    sliced = loop.slices.input_parameters if loop.slices else ()
    parameters = []
    for name, value in call.parameters:
        if name not in sliced:
            moved = hoisted.inside(value) if mentions_item(value) else hoisted.whole(name, value)
            parameters.append((name, moved))
    if loop.slices is None and loop.items is not None:
        loop = replace(loop, parallelism=None, items=moved_items(loop.items, hoisted))
    return replace(
        call,
        parameters=tuple(parameters),
        artifacts=tuple((name, ArtifactFrom(Ref(f"inputs.artifacts.{name}"))) for name, _ in call.artifacts),
        when=hoisted.inside(call.when) if call.when is not None and mentions_item(call.when) else None,
        key=None if call.key is None else hoisted.inside(call.key),
        timeout=None if call.timeout is None else hoisted.inside(call.timeout),
        continue_on=ContinueOn(),
        dependencies=(),
        depends=None,
        loop=None if loop.slices is not None else loop,
    )


def _dealt(call: Call, slices: Slices, hoisted: Hoisted, context: Context) -> Dealt:
    loop = loop_of(call)
    values = dict(call.parameters)
    lists = {name: hoisted.whole(name, values[name]) for name in slices.input_parameters if name in values}
    picks = tuple(name for name, _ in call.artifacts if name in slices.input_artifacts)
    items = loop.items
    if takes_lists(context.template(call.template), slices, values):
        context.problems.append(
            "a group of slices that goes to a template as lists can be exported for Python OPs only; "
            "leave out group_size, or the lists in the types of its sliced inputs"
        )
    in_groups = slices.group_size is not None and is_op(context.template(call.template))
    count: Value | None = None
    source = counted_source(call)
    if source is not None:
        found = context.flows.count_of(source)
        if found is None:
            context.problems.append("how many elements this artifact has is not known; give with_param=")
        count = hoisted.whole("dflow_count", found or Literal("0"))
    fields = frozenset(fields_named(call))
    return Dealt(slices, lists, None if items is None else moved_items(items, hoisted), fields, picks, count, in_groups)


def _items(dealt: Dealt, context: Context) -> tuple[str, str]:
    """``withParam``, and how many elements there are."""
    try:
        known = known_items(dealt)
    except (ExpressionError, ValueError, KeyError, IndexError, TypeError) as exc:
        context.problems.append(f"its slices cannot be dealt out: {exc}")
        known = []
    if known is not None:
        size = sum(len(json.loads(one["orders"])) for one in known) if dealt.in_groups else len(known)
        text = json.dumps(known, ensure_ascii=False)
        refuse_tags("its items have", Literal(text), context)
        return text_of(Literal(text)), str(size)
    if dealt.format is not None:
        context.problems.append("format= of a sequence needs numbers that are known when the workflow is exported")
    if dealt.in_groups and dealt.slices.shuffle:
        context.problems.append("shuffle= needs lists that are known when the workflow is exported")
    return "{{=" + guarded(dynamic_items(dealt)) + "}}", "{{=" + guarded(length_of(dealt)) + "}}"


def _add_arguments(task: dict[str, Any], wanted: Wanted, hoisted: Hoisted, call: Call) -> None:
    """What the variant of the template takes beside the user's arguments."""
    values = {
        ORDERS: "{{item.orders}}" if wanted.in_groups else "[{{item.order}}]",
        AT: "{{item.at}}" if wanted.in_groups else "[{{item.at}}]",
        STORE: "{{inputs.parameters." + STORE + "}}",
    }
    if wanted.stacked:
        hoisted.parameters[STORE] = store_of(call.name)
    extra = [{"name": name, "value": values[name]} for name in wanted.parameters]
    if extra:
        arguments = task.setdefault("arguments", {})
        arguments["parameters"] = [*arguments.get("parameters", []), *extra]


def _template(
    call: Call, prefix: str, task: dict[str, Any], total: str, hoisted: Hoisted, context: Context
) -> dict[str, Any]:
    """The DAG around the looped task."""
    loop = loop_of(call)
    target = context.template(call.template)
    tasks = [task]
    types: dict[str, str] = {}
    outputs: list[dict[str, Any]] = []
    if loop.slices is not None:
        outputs, types = stacked_outputs(call, target, loop.slices)
        outputs += _counts(call, context)
    if counted(call):
        tasks.append(check_of(call, total, context))
    annotations = {
        HELPER: f"loop-of-{prefix}",
        **({ANNOTATION: json.dumps({"outputs": types}, sort_keys=True)} if types else {}),
    }
    inputs = {
        "parameters": [{"name": name} for name in hoisted.parameters],
        "artifacts": [
            {"name": name, **({"optional": True} if _is_optional(target, name) else {})} for name, _ in call.artifacts
        ],
    }
    inputs = {name: value for name, value in inputs.items() if value}
    made: dict[str, Any] = {"metadata": {"annotations": annotations}}
    made |= {"inputs": inputs} if inputs else {}
    made |= {"outputs": {"parameters": outputs}} if outputs else {}
    made |= {"parallelism": loop.parallelism} if loop.parallelism is not None else {}
    return {**made, "dag": {"tasks": tasks, "failFast": False}}


def _counts(call: Call, context: Context) -> list[dict[str, Any]]:
    """How many elements the stacked artifacts have, where somebody needs to know."""
    good = f"string(sum(map(fromJSON({name_of(f'tasks.{call.name}.outputs.parameters.{SUCCESS}')}), int(#)), #))"
    return [
        {"name": count_name(artifact), "valueFrom": {"expression": good, "default": "0"}}
        for template, artifact in sorted(context.flows.counted_outputs)
        if template == call.template and context.flows.is_stacked(call, artifact)
    ]


def _is_optional(target: Any, name: str) -> bool:
    return any(a.name == name and a.optional for a in target.inputs.artifacts)


def _outer(call: Call, name: str, hoisted: Hoisted, condition: str | None, context: Context) -> dict[str, Any]:
    made: dict[str, Any] = {"name": call.name, "template": name}
    arguments: dict[str, Any] = {}
    if hoisted.parameters:
        arguments["parameters"] = [{"name": n, "value": text} for n, text in hoisted.parameters.items()]
    if call.artifacts:
        given = [(n, source) for n, source in call.artifacts if not isinstance(source, ArtifactList)]
        arguments["artifacts"] = [{"name": n, **source_of(whole_of(source), context)} for n, source in given]
    made |= {"arguments": arguments} if arguments else {}
    rule = {"failed": call.continue_on.failed, "error": call.continue_on.error}
    rule = {n: on for n, on in rule.items() if on}
    made |= {"continueOn": rule} if rule else {}
    when = text_of(call.when) if call.when is not None and not mentions_item(call.when) else None
    conditions = [text for text in (when, condition) if text is not None]
    if conditions:
        made["when"] = conditions[0] if len(conditions) == 1 else " && ".join(f"({text})" for text in conditions)
    return made
