"""The expressions of Argo: ``{{name}}``, ``{{=expression}}``, the ``when`` of a step, and the items of loops.

``{{=…}}`` and the expressions of hooks and retries are in the language of expr-lang; a ``when`` is in that of
govaluate. Values are texts, numbers, bools, lists, maps and None (nil). Every error is an ``ExpressionError``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.engine.expressions.evaluation import evaluate, evaluate_bool, to_text
    from dflow.engine.expressions.loops import expand_items, expand_sequence, item_name, item_scope
    from dflow.engine.expressions.mentions import names
    from dflow.engine.expressions.nodes import Node
    from dflow.engine.expressions.parser import parse
    from dflow.engine.expressions.template import ExprTag, Tag, TextTemplate, parse_text, substitute
    from dflow.engine.expressions.when import evaluate_when
    from dflow.engine.expressions.writer import unparse

__all__ = [
    "ExprTag",
    "Node",
    "Tag",
    "TextTemplate",
    "evaluate",
    "evaluate_bool",
    "evaluate_when",
    "expand_items",
    "expand_sequence",
    "item_name",
    "item_scope",
    "names",
    "parse",
    "parse_text",
    "substitute",
    "to_text",
    "unparse",
]

_MODULES = {
    "evaluation": ("evaluate", "evaluate_bool", "to_text"),
    "loops": ("expand_items", "expand_sequence", "item_name", "item_scope"),
    "mentions": ("names",),
    "nodes": ("Node",),
    "parser": ("parse",),
    "template": ("ExprTag", "Tag", "TextTemplate", "parse_text", "substitute"),
    "when": ("evaluate_when",),
    "writer": ("unparse",),
}
_WHERE = {name: module for module, names_there in _MODULES.items() for name in names_there}


def __getattr__(name: str) -> object:
    """A public name, imported when it is first used: many workflows need only some of them."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
