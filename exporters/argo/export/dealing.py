"""The items of sliced loops: one map for each copy, with the elements that the copy gets.

Where all lists are known, the maps are made here; otherwise by an expression when the workflow runs. Each map has
``order``, the elements by the names of the inputs, and the user's own item as ``item`` or in parts (``item_KEY``).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.model import Expr, Literal, Ref, Sequence
from dflow.engine.slice_groups import grouped
from dflow.engine.texts import depth_of_lists, read_value
from dflow.exporters.argo.export.hoisting import renamed
from dflow.exporters.argo.export.records import is_op
from dflow.exporters.argo.export.texts import as_expression, guarded, quoted, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Slices, Template, Value

__all__ = [
    "Dealt",
    "dynamic_items",
    "field_of",
    "has_some",
    "known_items",
    "known_sequence",
    "length_of",
    "takes_lists",
]

_OWN = ("order", "orders", "at", "item")
"""Fields of an item that are not the elements of parameters."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """What is dealt out.

    Attributes:
        lists: the sliced parameters, as values of the template around the loop.
        count: how many elements there are, where no list says so.
        items: the items of the loop; None for one for each element.
        fields: parts of the user's items that the call names.
        picks: sliced artifacts: a copy gets the position of its element as ``at``.
    """

    slices: Slices
    lists: Mapping[str, Value]
    items: Value | Sequence | None
    fields: frozenset[str]
    picks: tuple[str, ...] = ()
    count: Value | None = None
    in_groups: bool = False

    @property
    def format(self) -> Value | None:
        """How the items of a sequence are written."""
        return self.items.format if isinstance(self.items, Sequence) else None


def known_items(dealt: Dealt) -> list[dict[str, Any]] | None:
    """The maps, where everything is known; None otherwise.

    Raises:
        ExpressionError: the lists do not fit.
    """
    values: dict[str, Any] = {}
    for name, value in dealt.lists.items():
        if not isinstance(value, Literal):
            return None
        values[name] = json.loads(value.text)
    items = _known(dealt, values)
    if items is None:
        return None
    if dealt.items is None:
        values = {name: list(v.values()) if isinstance(v, dict) else v for name, v in values.items()}
    if not dealt.in_groups:
        return [_map(dealt, values, order, item) for order, item in enumerate(items)]
    made = []
    for number, orders in enumerate(grouped(len(items), dealt.slices)):
        one: dict[str, Any] = {"order": number, "orders": json.dumps(list(orders))}
        if "" in dealt.fields and isinstance(dealt.format, Literal):  # the item of a group is its number, written so
            one["item"] = expressions.expand_sequence({"count": 1, "start": number, "format": dealt.format.text})[0]
        indices = [_index(dealt, items[order]) for order in orders]
        for name, v in values.items():
            one[field_of(name)] = json.dumps([_picked(v, i) for i in indices], ensure_ascii=False)
        made.append(one | ({"at": "[" + ", ".join(map(_at, indices)) + "]"} if dealt.picks else {}))
    return made


def _known(dealt: Dealt, values: Mapping[str, Any]) -> list[Any] | None:  # noqa: PLR0911 - one for each kind
    items = dealt.items
    if items is None:
        lengths = {len(value) for value in values.values()}
        if isinstance(dealt.count, Literal):
            lengths.add(int(dealt.count.text))
        elif dealt.count is not None:
            return None
        if len(lengths) != 1:
            return None
        return [{"order": order} for order in range(lengths.pop())]
    if isinstance(items, Sequence):
        spec = known_sequence(items)
        return None if spec is None else list(expressions.expand_sequence(spec))
    if isinstance(items, Expr):
        try:
            return list(expressions.expand_items(expressions.to_text(expressions.evaluate(items.source, {}))))
        except ExpressionError:
            return None
    return list(expressions.expand_items(items.text)) if isinstance(items, Literal) else None


def known_sequence(items: Sequence) -> dict[str, str | int] | None:
    """The parts of a sequence, where all of them are constants."""
    parts = {name: getattr(items, name) for name in ("count", "start", "end", "format")}
    given = {name: part for name, part in parts.items() if part is not None}
    texts: dict[str, str | int] = {name: part.text for name, part in given.items() if isinstance(part, Literal)}
    return texts if len(texts) == len(given) else None


def field_of(name: str) -> str:
    """The field of an item that has the element of a parameter: its name, unless the item has its own there."""
    return f"dflow_{name}" if name in _OWN or name.startswith(("item_", "dflow_")) else name


def _map(dealt: Dealt, values: Mapping[str, Any], order: int, item: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"order": order}
    if "" in dealt.fields:
        made["item"] = item
    made |= {f"item_{name}": item[name] for name in dealt.fields if name and dealt.items is not None}
    index = _index(dealt, item)
    for name, value in values.items():
        with contextlib.suppress(KeyError, IndexError, ValueError):  # a copy that has no element is an Error (LP-02)
            element = _picked(value, index)
            text = element if isinstance(element, str) else json.dumps(element, ensure_ascii=False)
            made[field_of(name)] = text
    if dealt.picks:
        made["at"] = _at(index)
    return made


def _at(index: str) -> str:
    return index if index.isdecimal() else json.dumps(index)


def _index(dealt: Dealt, item: Any) -> str:
    scope = expressions.item_scope(item)
    index = dealt.slices.index
    return str(scope[index.path]) if isinstance(index, Ref) else str(expressions.substitute(text_of(index), scope))


def _picked(value: Any, index: str) -> Any:
    return value[index] if isinstance(value, dict) else value[int(index)]


def takes_lists(template: Template, slices: Slices, values: Mapping[str, Value]) -> bool:
    """Whether a copy of a template that is no Python OP gets the elements of a group as lists, by its types."""
    if slices.group_size is None or slices.pool_size is not None or is_op(template):
        return False
    declared = {p.name: depth_of_lists(p.type) for p in template.inputs.parameters}
    kinds = {a.name: depth_of_lists(a.type) for a in template.inputs.artifacts if a.type is not None}
    lists = [(declared.get(name, 0), values[name]) for name in slices.input_parameters if name in values]
    return (
        bool(lists or kinds)
        and all(
            depth > 0 and not (isinstance(value, Literal) and _depth(read_value(value.text)) != depth)
            for depth, value in lists
        )
        and all(kinds[name] for name in slices.input_artifacts if name in kinds)
    )


def _depth(values: Any) -> int:
    """How many lists are inside of each other, as far as the first elements show."""
    if not isinstance(values, (list, dict)):
        return 0
    depth, first = 1, next(iter(values.values() if isinstance(values, dict) else values), None)
    while isinstance(first, list):
        depth, first = depth + 1, next(iter(first), None)
    return depth


# -- when the workflow runs -----------------------------------------------------------------------------------------


def dynamic_items(dealt: Dealt) -> str:
    """An expression for the maps as a JSON list."""
    lets = [f"let list{at} = {_list(value, dealt)};" for at, value in enumerate(dealt.lists.values())]
    if dealt.items is not None:
        lets.append(f"let items = {_items(dealt.items)};")
    length = "len(items)" if dealt.items is not None else _length(dealt)
    if dealt.items is None and len(dealt.lists) > 1:  # what is no JSON makes the step an Error
        same = " && ".join(f"len(list{at}) == len(list0)" for at in range(1, len(dealt.lists)))
        length = f"({same} ? len(list0) : fromJSON('the sliced inputs differ in length'))"
    if not dealt.in_groups:
        body = f"map(sprig.untilStep(0, {length}, 1), {_literal(_parts(dealt, '#'))})"
        return f"{' '.join(lets)} toJson({body})"
    size = max(1, dealt.slices.group_size or 1)
    orders = f"sprig.untilStep(#, min(# + {size}, {length}), 1)"
    parts = {"order": f"int(# / {size})", "orders": f"toJson({orders})"}
    index = _index_of(dealt, "#")
    for at, name in enumerate(dealt.lists):
        parts[field_of(name)] = f"toJson(map({orders}, {_element(at, index, dealt)}))"
    if dealt.picks:
        parts["at"] = f"toJson(map({orders}, {index}))"
    return f"{' '.join(lets)} toJson(map(sprig.untilStep(0, {length}, {size}), {_literal(parts)}))"


def has_some(dealt: Dealt) -> str | None:
    """A condition: there is an element, or nobody knows, for the step that gives the list was skipped.

    It goes together with the user's own, after which nothing else is looked at (WH-05); None where it is always true.

    Args:
        dealt: with the values of the template that the loop is in.
    """
    with contextlib.suppress(ExpressionError, ValueError, KeyError, IndexError, TypeError):
        known = known_items(dealt)
        if known is not None:
            return None if known else "false"
    some = f"{length_of(dealt)} > 0"
    values = [dealt.items] if dealt.items is not None else [*dealt.lists.values(), dealt.count]
    if isinstance(values[0], Ref) and values[0].path.split(".")[0] in ("steps", "tasks"):
        some = f"({_perhaps(values[0].path)} ?? '') == '' || {some}"
    return "{{=" + guarded(some) + "}}"


def _perhaps(path: str) -> str:
    """A name as an expression that is nil where a part of it does not exist."""
    first, *rest = path.split(".")
    return first + "".join(f"?.[{quoted(word)}]" if not word.isidentifier() else f"?.{word}" for word in rest)


def length_of(dealt: Dealt) -> str:
    """An expression for how many elements are dealt out."""
    if dealt.items is not None:
        return f"len({_items(dealt.items)})"
    value = next(iter(dealt.lists.values()), None)
    return f"len(fromJSON({as_expression(value)}))" if value is not None else _length(dealt)


def _parts(dealt: Dealt, order: str) -> dict[str, str]:
    parts = {"order": order}
    if "" in dealt.fields:
        parts["item"] = "{'order': " + order + " }" if dealt.items is None else f"items[{order}]"
    for name in sorted(dealt.fields - {""}):
        if dealt.items is not None:
            parts[f"item_{name}"] = f"items[{order}][{quoted(name)}]"
    index = _index_of(dealt, order)
    for at, name in enumerate(dealt.lists):
        element = _element(at, index, dealt)
        parts[field_of(name)] = f"(type({element}) == 'string' ? {element} : toJson({element}))"
    if dealt.picks:
        parts["at"] = f"toJson({index})"
    return parts


def _literal(parts: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{quoted(name)}: {value}" for name, value in parts.items())
    return "{ {" + pairs + " } }"  # the outer pair is that of the predicate


def _length(dealt: Dealt) -> str:
    if dealt.lists:
        return "len(list0)"
    return f"int({as_expression(dealt.count or Literal('0'))})"


def _items(items: Value | Sequence) -> str:
    if not isinstance(items, Sequence):
        return f"fromJSON({as_expression(items)})"
    start = "0" if items.start is None else f"int({as_expression(items.start)})"
    if items.end is None:  # a negative count counts down, with one more on each side
        count = f"int({as_expression(items.count or Literal('0'))})"
        numbers = f"({count} == 0 ? [] : {_between(start, f'{start} + {count} - 1')})"
    else:
        numbers = _between(start, f"int({as_expression(items.end)})")
    return f"map({numbers}, string(#))"


def _between(start: str, end: str) -> str:
    """An expression for the whole numbers from one to another, both included, up or down (LP-03)."""
    up, down = f"sprig.untilStep({start}, {end} + 1, 1)", f"sprig.untilStep({start}, {end} - 1, -1)"
    return f"({start} <= {end} ? {up} : {down})"


def _list(value: Value, dealt: Dealt) -> str:
    """An expression for a sliced parameter; a dict that is dealt out by position has its keys sorted."""
    source = f"fromJSON({as_expression(value)})"
    if dealt.items is not None:
        return source
    return f"(type({source}) == 'map' ? map(sort(keys({source})), {source}[#]) : {source})"


def _index_of(dealt: Dealt, order: str) -> str:
    """The index of the element of a copy, as an expression over the number of the copy."""
    index = dealt.slices.index
    if dealt.items is None:
        return order
    if index == Ref("item"):
        return f"items[{order}]"
    if isinstance(index, Ref):
        return f"items[{order}].{index.path.partition('.')[2]}"

    def new(path: tuple[str, ...]) -> str | None:
        return f"dflow_{'_'.join(path)}" if path[0] == "item" else None

    source = as_expression(renamed(index, new))
    for name in sorted(_item_paths(index)):
        member = "".join(f"[{quoted(word)}]" for word in name[1:])
        source = source.replace(f"dflow_{'_'.join(name)}", f"string(items[{order}]{member})")
    return f"({source})"


def _item_paths(value: Value) -> frozenset[tuple[str, ...]]:
    source = "{{" + value.path + "}}" if isinstance(value, Ref) else getattr(value, "source", "")
    found = expressions.names(source) if isinstance(value, Expr) else expressions.parse_text(source).names()
    return frozenset(path for path in found if path[0] == "item")


def _element(at: int, index: str, dealt: Dealt) -> str:
    if dealt.items is None:
        return f"list{at}[{index}]"
    return f"list{at}[type(list{at}) == 'map' ? string({index}) : int({index})]"
