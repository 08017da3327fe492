"""Making equal templates one, and giving every template a name of its own.

A script makes many templates that are the same: a ``Steps`` subclass builds itself anew at every use. Two templates
are the same when name and content are, where the templates they call count by *their* content. Recursion makes that
a question of the whole graph: it is answered by refining colours until they separate no further.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from dflow.engine import codec
from dflow.engine.model import Call, DagTemplate, PythonOpTemplate, StepsTemplate, Template
from dflow.names import MAX_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["merge"]

_SUFFIX = 6


def merge(templates: Sequence[Template]) -> tuple[tuple[Template, ...], dict[int, str]]:
    """Unique templates, sorted by name, and the name that each index of ``templates`` has now.

    Calls in ``templates`` name a template by its index; in the result by its name. A name that several different
    templates have gets a part of the content's hash: ``iter`` becomes ``iter-3f2a91``.
    """
    colours = _colours(templates)
    by_name: dict[str, dict[str, int]] = defaultdict(dict)
    for index, template in enumerate(templates):
        by_name[template.name].setdefault(colours[index], index)
    names: dict[int, str] = {}
    chosen: dict[str, str] = {}
    taken = {base for base, members in by_name.items() if len(members) == 1}
    for base, members in by_name.items():
        for colour in members:
            chosen[colour] = base if len(members) == 1 else _free_name(base, colour, taken)
    for index in range(len(templates)):
        names[index] = chosen[colours[index]]
    unique = {names[index]: index for index in reversed(range(len(templates)))}
    result = [_renamed(templates[index], name, names) for name, index in sorted(unique.items())]
    return tuple(result), names


def _free_name(base: str, colour: str, taken: set[str]) -> str:
    """``base`` with as much of the hash as no other template's name has."""
    size = _SUFFIX
    while (name := f"{base[: MAX_NAME - size - 1].rstrip('-.')}-{colour[:size]}") in taken:
        size += 1
    taken.add(name)
    return name


def _colours(templates: Sequence[Template]) -> list[str]:
    """A hash for each template; equal exactly for templates that are the same."""
    blank = [json.dumps(codec.encode(_blank(t))) for t in templates]
    used = [[int(call.template) for call in _calls(t)] for t in templates]
    colours = [_hash(text) for text in blank]
    while True:
        refined = [_hash(blank[i], *(colours[j] for j in used[i])) for i in range(len(templates))]
        if len(set(refined)) == len(set(colours)):
            return refined
        colours = refined


def _blank(template: Template) -> Template:
    """A template without what does not make it another one: the indexes of templates, and the rest of an OP's file."""
    if isinstance(template, PythonOpTemplate):
        return replace(template, op=replace(template.op, file=None, file_digest=None))
    return _with_calls(template, lambda call: replace(call, template=""))


def _hash(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _calls(template: Template) -> list[Call]:
    if isinstance(template, StepsTemplate):
        return _with_hooks(call for group in template.groups for call in group)
    return _with_hooks(template.tasks) if isinstance(template, DagTemplate) else []


def _with_hooks(calls: Iterable[Call]) -> list[Call]:
    return [one for call in calls for one in (call, *(hook.call for hook in call.hooks))]


def _with_calls(template: Template, change_one: Callable[[Call], Call]) -> Template:
    """The template with each of its calls, and each of their hooks, changed."""

    def change(call: Call) -> Call:
        hooks = tuple(replace(hook, call=change_one(hook.call)) for hook in call.hooks)
        return replace(change_one(call), hooks=hooks)

    if isinstance(template, StepsTemplate):
        return replace(template, groups=tuple(tuple(change(call) for call in group) for group in template.groups))
    if isinstance(template, DagTemplate):
        return replace(template, tasks=tuple(change(call) for call in template.tasks))
    return template


def _renamed(template: Template, name: str, names: Mapping[int, str]) -> Template:
    changed = _with_calls(template, lambda call: replace(call, template=names[int(call.template)]))
    return replace(changed, name=name)
