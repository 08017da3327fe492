"""Pieces of manifests: one template, one step, the inputs of a template …, without the workflow around them.

They are checked field by field as in a whole manifest; what refers to something outside of the piece stays a reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CompileError
from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.exporters.argo.lint import Severity
from dflow.exporters.argo.lint.findings import Notes
from dflow.exporters.argo.lint.schema import checked
from dflow.exporters.argo.lint.shapes import type_of
from dflow.exporters.argo.load.book import Book
from dflow.exporters.argo.load.calls import CallReader, Target
from dflow.exporters.argo.load.context import Context
from dflow.exporters.argo.load.leaves import leaf_of, memoize_of
from dflow.exporters.argo.load.ports import inputs_of, outputs_of
from dflow.exporters.argo.load.retries import retry_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import Call, Inputs, Outputs, Template

__all__ = ["fitting", "read_call", "read_inputs", "read_outputs", "read_template"]

Fields = dict[str, Any]


def fitting(piece: Mapping[str, Any], where: str) -> Fields:
    """A copy of a piece in which every field is known and of its type; a field that is None counts as left out.

    Args:
        where: the place in a template: ``""`` for a whole one, else such as ``inputs`` or ``steps[][]``.

    Raises:
        CompileError: lists the fields that are wrong, with their places in the piece.
    """
    body: Any = _without_none(piece)
    path = "spec.templates[0]"
    for name in reversed(where.split(".") if where else []):
        plain = name.rstrip("[]")
        for _ in range(name.count("[")):
            body = [body]
        body = {plain: body}
    for name in where.split(".") if where else []:
        path += f".{name.replace('[]', '[0]')}"
    notes = Notes(0)
    spec: Fields = checked({"spec": {"templates": [body]}}, "Workflow", notes).get("spec", {})
    found = [f for f in notes.found if f.severity is Severity.ERROR and f.path.startswith(path)]
    if found:
        raise CompileError([f"{f.rule} {f.path[len(path) :].lstrip('.') or 'the piece'}: {f.message}" for f in found])
    made: Any = spec["templates"][0]
    for name in where.split(".") if where else []:
        made = made[name.rstrip("[]")]
        for _ in range(name.count("[")):
            made = made[0]
    return dict(made)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(child) for name, child in value.items() if child is not None}
    return [_without_none(child) for child in value] if isinstance(value, (list, tuple)) else value


def read_inputs(fields: Fields) -> Inputs:
    """The inputs of a template, from its field ``inputs``."""
    book = Book()
    made = inputs_of({"inputs": fields}, _context(book))
    book.check()
    return made


def read_outputs(fields: Fields) -> Outputs:
    """The outputs of a template, from its field ``outputs``."""
    book = Book()
    made = outputs_of({"outputs": fields}, _context(book))
    book.check()
    return made


def read_call(fields: Fields, *, is_task: bool = False) -> Call:
    """A step or task, which names its template as the manifest does.

    Raises:
        CompileError: lists what cannot be read.
    """
    book = Book()
    reader = CallReader(_context(book), lambda call, _: _target(call, book))
    made = (reader.task if is_task else reader.step)(fields, "")
    book.check()
    return made


def read_template(fields: Fields) -> Template:
    """A template; the steps of one name the templates that they call as the manifest does.

    Raises:
        CompileError: lists what cannot be read.
    """
    book = Book()
    context, kind, name = _context(book), type_of(fields), fields.get("name", "")
    with book.at(f"template {name!r}"):
        is_group = kind in {"steps", "dag"}
        made = _group(fields, kind, name, context) if is_group else leaf_of(fields, kind, name, context)
    book.check()
    if made is None:
        raise CompileError([f"template {name!r}: it says nothing that could be run"])
    return made


def _group(fields: Fields, kind: str, name: str, context: Context) -> StepsTemplate | DagTemplate:
    reader = CallReader(context, lambda call, _: _target(call, context.book), fields.get("parallelism"))
    key, age = memoize_of(fields, context)
    whole: dict[str, Any] = {
        "inputs": inputs_of(fields, context),
        "outputs": outputs_of(fields, context),
        "parallelism": fields.get("parallelism"),
        "memoize": key,
        "memoize_age": age,
        "retry": retry_of(fields.get("retryStrategy"), context),
        "fail_fast": bool(fields.get("failFast")),
    }
    if kind == "steps":
        groups = tuple(tuple(reader.step(step, "") for step in group) for group in fields["steps"])
        return StepsTemplate(name, groups, **whole)
    dag = fields["dag"]
    tasks = tuple(reader.task(task, "") for task in dag.get("tasks", []))
    targets = tuple(context.fixed(dag.get("target", ""), "target").split())
    return replace(DagTemplate(name, tasks, **whole), targets=targets)


def _context(book: Book) -> Context:
    return Context(book, {}, {}, {})


def _target(call: Fields, book: Book) -> Target | None:
    """What is called, as one that takes all that the call gives."""
    name = call.get("template", "")
    if not name:
        other = next((field for field in ("inline", "templateRef") if field in call), "nothing")
        book.problem(f"it calls {other}; a piece by itself can call a template by its name only")
        return None
    return Target(name, {"inputs": call.get("arguments", {})})
