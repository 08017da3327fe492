"""Whose standard output is wanted: steps and tasks whose ``outputs.result`` somebody mentions (OU-01).

It is kept by templates, not by calls. That does no harm but to loops, whose results are put together and must be JSON
for that (LP-04): a loop whose results nobody wants gets a template of its own where another call wants them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import names, parse_text
from dflow.engine.model import DagTemplate, ScriptTemplate, StepsTemplate
from dflow.exporters.argo.lint.shapes import texts
from dflow.exporters.argo.load.texts import flattened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dflow.engine.model import Call, Template

__all__ = ["wanted_results", "with_results"]

_BARE = re.compile(r"(\.valueFrom\.parameter|\.from|[.]?expression|\.fromExpression)$", re.IGNORECASE)
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_REST = ("outputs", "result")
_APART = "-unread"

Fields = dict[str, Any]


def wanted_results(template: Fields) -> set[str]:
    """Names of the steps or tasks of a template whose result is mentioned in it."""
    found: set[str] = set()
    for text, place in texts(template, ""):
        for path in _mentions(text, place):
            if path[0] in {"steps", "tasks"} and len(path) > 1 and path[2:4] == _REST[: len(path[2:4])]:
                found.add(path[1])
    return found


def _mentions(text: str, place: str) -> Iterable[tuple[str, ...]]:
    if not ("result" in text or "outputs" in text or "steps" in text or "tasks" in text):
        return
    try:
        yield from parse_text(flattened(text)).names() if "{{" in text else ()
        if _BARE.search(place):
            yield from names(_TAG.sub("1", text))
    except (ExpressionError, RecursionError):
        yield tuple(text.strip().split("."))


def with_results(templates: list[Template], wanted: Mapping[str, set[str]]) -> tuple[Template, ...]:
    """The templates, sorted by name, where those whose result is wanted keep it.

    Args:
        wanted: by the name of steps or a dag, the calls in it whose result is wanted.
    """
    marked = {
        call.template for template in templates for call in _calls(template) if call.name in wanted[template.name]
    }
    scripts = {t.name for t in templates if isinstance(t, ScriptTemplate)} & marked
    apart = {
        call.template
        for template in templates
        for call in _calls(template)
        if call.loop is not None and call.template in scripts and call.name not in wanted[template.name]
    }
    names_apart = {name: _free(f"{name}{_APART}", {template.name for template in templates}) for name in apart}
    made: list[Template] = []
    for template in templates:
        if isinstance(template, ScriptTemplate):
            made.append(replace(template, result=template.name in marked))
            if template.name in apart:
                made.append(replace(template, name=names_apart[template.name]))
        else:
            made.append(_redirected(template, wanted.get(template.name, set()), names_apart))
    return tuple(sorted(made, key=lambda template: template.name))


def _calls(template: Template) -> list[Call]:
    if isinstance(template, StepsTemplate):
        return [call for group in template.groups for call in group]
    return list(template.tasks) if isinstance(template, DagTemplate) else []


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "-2"
    return name


def _redirected(template: Template, wanted: set[str], apart: Mapping[str, str]) -> Template:
    """The loops whose results nobody wants call templates that keep none."""

    def of(call: Call) -> Call:
        if call.loop is None or call.name in wanted:
            return call
        return replace(call, template=apart.get(call.template, call.template))

    if not apart:
        return template
    if isinstance(template, StepsTemplate):
        return replace(template, groups=tuple(tuple(map(of, group)) for group in template.groups))
    return replace(template, tasks=tuple(map(of, template.tasks))) if isinstance(template, DagTemplate) else template
