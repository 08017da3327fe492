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
from dflow.exporters.argo.export.hoisting import renamed
from dflow.exporters.argo.export.texts import as_expression, quoted, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Slices, Value

__all__ = ["Dealt", "dynamic_items", "known_items", "length_of"]


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
        maps = [_map(dealt, values, order, items[order]) for order in orders]
        one: dict[str, Any] = {"order": number, "orders": json.dumps(list(orders))}
        indices = [_index(dealt, items[order]) for order in orders]
        one |= {name: json.dumps([_picked(v, i) for i in indices], ensure_ascii=False) for name, v in values.items()}
        made.append(one | ({"at": json.dumps([m["at"] for m in maps])} if dealt.picks else {}))
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
        parts = {name: getattr(items, name) for name in ("count", "start", "end", "format")}
        if any(part is not None and not isinstance(part, Literal) for part in parts.values()):
            return None
        return list(expressions.expand_sequence(**{n: p.text for n, p in parts.items() if p is not None}))
    if isinstance(items, Expr):
        try:
            return list(expressions.expand_items(expressions.to_text(expressions.evaluate(items.source, {}))))
        except ExpressionError:
            return None
    return list(expressions.expand_items(items.text)) if isinstance(items, Literal) else None


def _map(dealt: Dealt, values: Mapping[str, Any], order: int, item: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"order": order}
    if dealt.items is not None and "" in dealt.fields:
        made["item"] = item
    made |= {f"item_{name}": item[name] for name in dealt.fields if name and dealt.items is not None}
    index = _index(dealt, item)
    for name, value in values.items():
        with contextlib.suppress(KeyError, IndexError, ValueError):  # a copy that has no element is an Error (LP-02)
            element = _picked(value, index)
            made[name] = element if isinstance(element, str) else json.dumps(element, ensure_ascii=False)
    if dealt.picks:
        made["at"] = int(index) if index.isdecimal() else index
    return made


def _index(dealt: Dealt, item: Any) -> str:
    scope = expressions.item_scope(item)
    index = dealt.slices.index
    return str(scope[index.path]) if isinstance(index, Ref) else str(expressions.substitute(text_of(index), scope))


def _picked(value: Any, index: str) -> Any:
    return value[index] if isinstance(value, dict) else value[int(index)]


# -- when the workflow runs -----------------------------------------------------------------------------------------


def dynamic_items(dealt: Dealt) -> str:
    """An expression for the maps as a JSON list."""
    lets = [f"let list{at} = fromJSON({as_expression(value)});" for at, value in enumerate(dealt.lists.values())]
    if dealt.items is not None:
        lets.append(f"let items = {_items(dealt.items)};")
    length = "len(items)" if dealt.items is not None else _length(dealt)
    if not dealt.in_groups:
        body = f"map(sprig.untilStep(0, {length}, 1), {_literal(_parts(dealt, '#'))})"
        return f"{' '.join(lets)} toJson({body})"
    size = max(1, dealt.slices.group_size or 1)
    orders = f"sprig.untilStep(#, min(# + {size}, {length}), 1)"
    parts = {"order": f"int(# / {size})", "orders": f"toJson({orders})"}
    index = _index_of(dealt, "#")
    for at, name in enumerate(dealt.lists):
        parts[name] = f"toJson(map({orders}, {_element(at, index, dealt)}))"
    if dealt.picks:
        parts["at"] = f"toJson(map({orders}, {index}))"
    return f"{' '.join(lets)} toJson(map(sprig.untilStep(0, {length}, {size}), {_literal(parts)}))"


def length_of(dealt: Dealt) -> str:
    """An expression for how many elements are dealt out."""
    if dealt.items is not None:
        return f"len({_items(dealt.items)})"
    value = next(iter(dealt.lists.values()), None)
    return f"len(fromJSON({as_expression(value)}))" if value is not None else _length(dealt)


def _parts(dealt: Dealt, order: str) -> dict[str, str]:
    parts = {"order": order}
    if dealt.items is not None and "" in dealt.fields:
        parts["item"] = f"items[{order}]"
    for name in sorted(dealt.fields - {""}):
        if dealt.items is not None:
            parts[f"item_{name}"] = f"items[{order}][{quoted(name)}]"
    index = _index_of(dealt, order)
    for at, name in enumerate(dealt.lists):
        element = _element(at, index, dealt)
        parts[name] = f"(type({element}) == 'string' ? {element} : toJson({element}))"
    if dealt.picks:
        parts["at"] = index
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
    if items.end is not None:
        stop = f"int({as_expression(items.end)}) + 1"
    else:
        stop = f"{start} + int({as_expression(items.count or Literal('0'))})"
    return f"map(sprig.untilStep({start}, {stop}, 1), string(#))"


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
