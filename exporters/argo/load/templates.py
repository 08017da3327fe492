"""The templates that a workflow uses, from the entrypoint on."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.engine.model import DagTemplate, StepsTemplate
from dflow.exporters.argo.lint.shapes import type_of
from dflow.exporters.argo.load.calls import CallReader, Target
from dflow.exporters.argo.load.ignored import note_template
from dflow.exporters.argo.load.leaves import around_loop, is_helper, leaf_of, memoize_of
from dflow.exporters.argo.load.merging import with_defaults
from dflow.exporters.argo.load.ports import inputs_of, outputs_of
from dflow.exporters.argo.load.results import wanted_results, with_results
from dflow.exporters.argo.load.retries import retry_of

if TYPE_CHECKING:
    from dflow.engine import model
    from dflow.exporters.argo.lint.library import Template
    from dflow.exporters.argo.load.context import Context
    from dflow.exporters.argo.load.reading import Manifest

__all__ = ["Templates"]

Fields = dict[str, Any]


class Templates:
    """Reads templates as they are called, each once; those that call each other make no endless work."""

    def __init__(self, manifest: Manifest, context: Context) -> None:
        self._manifest = manifest
        self._context = context
        self._names: dict[tuple[int, str], Target] = {}
        self._fields: dict[str, Fields] = {}
        self._waiting: deque[tuple[Template, Target]] = deque()
        self._wanted: dict[str, set[str]] = {}

    def named(self, name: str) -> Target | None:
        """The template of a name in the document that is run."""
        found = self._manifest.library.named(self._manifest.main, name)
        return None if found is None else self._target(found)

    def find(self, call: Fields, owner: int, path: str) -> Target | None:
        """What a step, a task or a hook calls."""
        context = self._context
        known = {name: call[name] for name in ("inline", "template", "templateRef") if call.get(name)}
        if "template" in known:
            known["template"] = context.fixed(known["template"], "the template that is called")
        if "templateRef" in known:
            known["templateRef"] = {
                name: context.fixed(text, f"templateRef.{name}") if isinstance(text, str) else text
                for name, text in known["templateRef"].items()
            }
        callee = self._manifest.library.callee(known, owner, path)
        if callee.template is None:
            if callee.missing:
                context.book.problem(f"there is no {callee.missing}")
            return None
        return self._target(callee.template)

    def all(self) -> tuple[model.Template, ...]:
        """Every template that is used, sorted by name."""
        made = []
        while self._waiting:
            template = self._one(*self._waiting.popleft())
            if template is not None:
                made.append(template)
        return with_results(made, self._wanted)

    def _target(self, template: Template) -> Target:
        place = (template.owner, template.path)
        known = self._names.get(place)
        if known is None:
            fields = with_defaults(template.fields, self._manifest.spec.get("templateDefaults", {}))
            target = Target(self._new_name(template), fields, helper=is_helper(fields))
            known = self._names[place] = target
            self._fields[target.name] = fields
            self._waiting.append((template, target))
        return known

    def _new_name(self, template: Template) -> str:
        """Its own name; with that of its document, or a number, where another has it."""
        own = template.fields.get("name") or "inline"
        document = self._manifest.library.documents[template.owner]
        if own not in self._fields:
            return own
        longer = f"{document.metadata.get('name', 'workflow')}-{own}" if template.fields.get("name") else own
        names = [longer, *(f"{longer}-{number}" for number in range(2, len(self._fields) + 3))]
        return next(name for name in names if name not in self._fields)

    def _one(self, template: Template, target: Target) -> model.Template | None:
        context, fields = self._context, self._fields[target.name]
        with context.book.at(f"template {target.name!r}"):
            note_template(fields, context)
            if "retryStrategy" not in fields and "retryStrategy" in self._manifest.spec:
                fields = {**fields, "retryStrategy": self._manifest.spec["retryStrategy"]}
            kind = type_of(fields)
            if kind not in {"steps", "dag"}:
                return leaf_of(fields, kind, target.name, context)
            reader = CallReader(
                context, lambda call, path: self.find(call, template.owner, path), fields.get("parallelism")
            )
            make = self._steps if kind == "steps" else self._dag
            made = make(fields, target.name, template.path, reader)
            self._wanted[made.name] = wanted_results(fields)
            return made

    def _steps(self, fields: Fields, name: str, path: str, reader: CallReader) -> StepsTemplate:
        groups = tuple(
            tuple(reader.step(step, f"{path}.steps[{index}][{position}]") for position, step in enumerate(group))
            for index, group in enumerate(fields["steps"])
        )
        inputs, outputs = inputs_of(fields, self._context), outputs_of(fields, self._context)
        return StepsTemplate(name, groups, inputs, outputs, **self._whole(fields))

    def _dag(self, fields: Fields, name: str, path: str, reader: CallReader) -> DagTemplate:
        dag = fields["dag"]
        tasks = tuple(
            reader.task(task, f"{path}.dag.tasks[{index}]") for index, task in enumerate(dag.get("tasks", []))
        )
        if around_loop(fields):
            tasks = tuple(t if t.loop is None else replace(t, loop=replace(t.loop, helper=True)) for t in tasks)
        target = self._context.fixed(dag.get("target", ""), "target")
        inputs, outputs = inputs_of(fields, self._context), outputs_of(fields, self._context)
        return DagTemplate(
            name,
            tasks,
            inputs,
            outputs,
            **self._whole(fields),
            around_loop=around_loop(fields) == "steps",
            targets=tuple(target.split()),
        )

    def _whole(self, fields: Fields) -> dict[str, Any]:
        """How steps or a dag are run as a whole; ``dag.failFast`` does not keep tasks from starting (DG-06)."""
        key, age = memoize_of(fields, self._context)
        return {
            "parallelism": fields.get("parallelism"),
            "memoize": key,
            "memoize_age": age,
            "retry": retry_of(fields.get("retryStrategy"), self._context),
            "fail_fast": bool(fields.get("failFast")),
            "helper": is_helper(fields),
        }
