"""VAR, X-01, X-04 to X-06: every mention of a value, checked in the order in which the workflow runs.

A name is known where something that runs before gives it; so the templates are visited from the entrypoint on, and
those that nothing calls after that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.lint import conditions, dags, graphs, scopes, tags
from dflow.exporters.argo.lint.scopes import Names, Scope
from dflow.exporters.argo.lint.shapes import hooks_of, texts
from dflow.exporters.argo.lint.tags import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Callee, Document, Library, Template

__all__ = ["check"]

_METRICS = ("status", "duration", "exitCode", "retries", "outputs.result")
_APART = {"steps", "dag", "outputs", "metrics", "retryStrategy"}
_LOOPS = {"withItems", "withParam", "withSequence"}
_TARGETS = {"hooks", "inline", "when", *_LOOPS}

Fields = dict[str, Any]


def check(document: Document, library: Library, notes: Notes) -> None:
    """All texts of a document."""
    _Visitor(document, library, notes).whole()


class _Visitor:
    def __init__(self, document: Document, library: Library, notes: Notes) -> None:
        self.document = document
        self.library = library
        self.notes = notes
        base = library.base(document)
        self.globals = scopes.globals_of(document, base)
        self.base_known = base is not None or "workflowTemplateRef" not in document.spec
        self.failures = Names(["workflow.failures"])
        self.seen: set[int] = set()
        retried = document.spec.get("retryStrategy") or document.spec.get("templateDefaults", {}).get("retryStrategy")
        self.retried = bool(retried)
        self.arguments = {
            f"workflow.parameters.{row.get('name', '')}": [row["value"]]
            for row in document.spec.get("arguments", {}).get("parameters", [])
            if "value" in row and not document.is_template
        }

    # the whole document

    def whole(self) -> None:
        spec, path = self.document.spec, self.document.path
        self.walk(self.library.named(self.document, spec.get("entrypoint", "")), failures=False)
        whole = Scope((self.globals, self.failures), retries=self.retried, lenient=self.lenient)
        for _, hook, place in hooks_of(spec, path):
            self.texts_of(hook.get("arguments", {}), f"{place}.arguments", whole)
            tags.expression(hook.get("expression", ""), f"{place}.expression", whole, self.notes)
            self.walk(self.library.callee(hook, self.document.index, place).template, failures=True)
        self.walk(self.library.named(self.document, spec.get("onExit", "")), failures=True)
        late = bool(spec.get("onExit") or spec.get("hooks"))
        for template in self.document.listed:
            self.walk(template, failures=late)
        self.specification(spec, path, whole)

    def specification(self, spec: Fields, path: str, scope: Scope) -> None:
        for name, value in spec.items():
            if name not in {"templates", "hooks", "templateDefaults", "metrics", "retryStrategy"}:
                self.texts_of(value, f"{path}.{name}", scope)
        strategy = spec.get("retryStrategy", {}).get("expression", "")
        if strategy:
            tags.parsed(strategy, f"{path}.retryStrategy.expression", self.notes)

    @property
    def lenient(self) -> bool:
        return self.document.is_template or not self.base_known

    def walk(self, template: Template | None, *, failures: bool) -> None:
        """Visits a template and what it calls, without recursion: templates may be nested deeply."""
        if template is None:
            return
        stack = [self.visit(template, None, failures=failures)]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
            else:
                inner, outer, late = following
                stack.append(self.visit(inner, outer, failures=late))

    # templates

    def visit(
        self, template: Template, outer: Scope | None, *, failures: bool
    ) -> Iterator[tuple[Template, Scope | None, bool]]:
        if template.owner != self.document.index or id(template.fields) in self.seen:
            return
        self.seen.add(id(template.fields))
        fields, path = template.fields, template.path
        scope = self.scope(fields, outer, failures=failures)
        for name, value in fields.items():
            if name not in _APART:
                self.texts_of(value, f"{path}.{name}", scope)
        self.expressions(fields, path, scope)
        self.metrics(fields, path, scope)
        if "steps" in fields:
            yield from self.steps(template, scope, failures=failures)
        elif "dag" in fields:
            yield from self.dag(template, scope, failures=failures)
        else:
            self.texts_of(fields.get("outputs", {}), f"{path}.outputs", scope)

    def scope(self, fields: Fields, outer: Scope | None, *, failures: bool) -> Scope:
        layers = [scopes.template_names(fields), self.globals]
        if failures:
            layers.append(self.failures)
        retries = self.retried or "retryStrategy" in fields
        if outer is None:
            return Scope(tuple(layers), retries=retries, lenient=self.lenient)
        return replace(outer, layers=(*layers, *outer.layers), retries=retries or outer.retries)

    def texts_of(self, value: object, path: str, scope: Scope, *, argument: bool = False, output: bool = False) -> None:
        for text, place in texts(value, path):
            if "{{" in text:
                source = place.endswith(".script.source")
                tags.check(text, Place(place, argument=argument, source=source, output=output), scope, self.notes)

    def expressions(self, fields: Fields, path: str, scope: Scope) -> None:
        strategy = fields.get("retryStrategy", {})
        own = replace(scope, retries=True)
        for name, value in strategy.items():
            if name != "expression":
                self.texts_of(value, f"{path}.retryStrategy.{name}", scope)
        tags.expression(strategy.get("expression", ""), f"{path}.retryStrategy.expression", own, self.notes)
        condition = fields.get("http", {}).get("successCondition", "")
        if condition:
            tags.parsed(condition, f"{path}.http.successCondition", self.notes)
        for index, step in enumerate(fields.get("data", {}).get("transformation", [])):
            tags.parsed(step.get("expression", ""), f"{path}.data.transformation[{index}].expression", self.notes)

    def metrics(self, fields: Fields, path: str, scope: Scope) -> None:
        if "metrics" not in fields:
            return
        extra = Names(_METRICS)
        extra.add_all_below("resourcesDuration.")
        for row in fields.get("outputs", {}).get("parameters", []):
            extra.add(f"outputs.parameters.{row.get('name', '')}")
        known = replace(scope, layers=(extra, *scope.layers), retries=True)
        self.texts_of(fields["metrics"], f"{path}.metrics", known)

    # steps

    def steps(
        self, template: Template, scope: Scope, *, failures: bool
    ) -> Iterator[tuple[Template, Scope | None, bool]]:
        done = Names()
        blocked = {
            step.get("name", ""): (
                "VAR-05",
                "this step runs later, so it has no outputs yet; move it to an earlier group",
            )
            for group in template.fields["steps"]
            for step in group
        }
        inside = replace(scope, layers=(*scope.layers, done), blocked=blocked.get)
        for index, group in enumerate(template.fields["steps"]):
            rows = [(step, f"{template.path}.steps[{index}][{place}]") for place, step in enumerate(group)]
            callees = [self.library.callee(step, template.owner, path) for step, path in rows]
            for (step, path), callee in zip(rows, callees, strict=True):
                name = step.get("name", "")
                blocked[name] = ("VAR-05", "a step cannot use its own outputs")
                self.call("steps", step, path, inside, callee)
                yield from self.callees(step, path, template.owner, inside, callee, failures=failures)
                scopes.add_exports(self.globals, callee)
                scopes.add_result(done, "steps", step, callee)
                blocked[name] = ("X-04", "this step runs at the same time; move it to an earlier group")
            for step in group:
                blocked.pop(step.get("name", ""), None)
        self.outputs(template, inside)

    # dags

    def dag(self, template: Template, scope: Scope, *, failures: bool) -> Iterator[tuple[Template, Scope | None, bool]]:
        dag, owner = template.fields["dag"], template.owner
        tasks: list[Fields] = dag.get("tasks", [])
        rows = {task.get("name", ""): (task, f"{template.path}.dag.tasks[{index}]") for index, task in enumerate(tasks)}
        waiting = dags.waiting(tasks)
        done = Names()
        inside = replace(scope, layers=(*scope.layers, done))
        callees = {name: self.library.callee(task, owner, path) for name, (task, path) in rows.items()}
        for name in graphs.in_order(waiting):
            task, path = rows[name]
            yield from self.callees(task, path, owner, inside, callees[name], failures=failures)
            scopes.add_exports(self.globals, callees[name])
            scopes.add_result(done, "tasks", task, callees[name])
        before = graphs.ancestors(waiting)
        for name, (task, path) in rows.items():
            earlier = before.get(name, frozenset())
            self.call("tasks", task, path, replace(inside, blocked=_Earlier(rows, earlier, name)), callees[name])
        self.texts_of({key: value for key, value in dag.items() if key != "tasks"}, f"{template.path}.dag", scope)
        self.outputs(template, inside)

    # calls

    def callees(
        self, call: Fields, path: str, owner: int, scope: Scope, callee: Callee, *, failures: bool
    ) -> Iterator[tuple[Template, Scope | None, bool]]:
        looped = self.in_loop(call, scope)
        hooks = [(hook, place) for _, hook, place in hooks_of(call, path)]
        if call.get("onExit"):
            hooks.append(({"template": call["onExit"]}, path))
        if callee.template is not None:
            yield callee.template, looped if "inline" in call else None, failures
        for hook, place in hooks:
            called = self.library.callee(hook, owner, place)
            if called.template is not None:
                yield called.template, None, failures

    def in_loop(self, call: Fields, scope: Scope) -> Scope:
        if not _LOOPS & call.keys():
            return scope
        return replace(scope, layers=(scopes.item_names(call), *scope.layers), item=True)

    def call(self, root: str, call: Fields, path: str, scope: Scope, callee: Callee) -> None:
        looped = self.in_loop(call, scope)
        for name, value in call.items():
            if name == "arguments":
                self.arguments_of(value, f"{path}.arguments", looped)
            elif name in _LOOPS:
                self.texts_of(value, f"{path}.{name}", scope)
            elif name not in _TARGETS:
                self.texts_of(value, f"{path}.{name}", looped)
        self.condition(call, f"{path}.when", looped)
        for _, hook, place in hooks_of(call, path):
            own = Names()
            scopes.add_result(own, root, call, callee)
            known = replace(looped, layers=(own, *looped.layers), blocked=_OwnAllowed(looped, call.get("name", "")))
            self.arguments_of(hook.get("arguments", {}), f"{place}.arguments", known)
            tags.expression(hook.get("expression", ""), f"{place}.expression", known, self.notes)

    def arguments_of(self, arguments: Fields, path: str, scope: Scope) -> None:
        self.texts_of(arguments, path, scope, argument=True)
        for index, artifact in enumerate(arguments.get("artifacts", [])):
            place = f"{path}.artifacts[{index}]"
            self.bare(artifact.get("from", ""), f"{place}.from", scope)
            tags.expression(
                artifact.get("fromExpression", ""), f"{place}.fromExpression", scope, self.notes, rule="X-06"
            )

    def condition(self, call: Fields, path: str, scope: Scope) -> None:
        text = call.get("when", "")
        if not text:
            return
        self.texts_of(text, path, scope)
        items = [item for item in call.get("withItems", []) if isinstance(item, str)]
        conditions.check(text, path, {**self.arguments, **({"item": items} if items else {})}, self.notes)

    # outputs of steps and dags

    def outputs(self, template: Template, scope: Scope) -> None:
        outputs, path = template.fields.get("outputs", {}), f"{template.path}.outputs"
        self.texts_of({key: value for key, value in outputs.items() if key != "parameters"}, path, scope, output=True)
        for index, row in enumerate(outputs.get("parameters", [])):
            place = f"{path}.parameters[{index}]"
            source = row.get("valueFrom", {})
            self.texts_of({key: value for key, value in row.items() if key != "valueFrom"}, place, scope, output=True)
            rest = {key: value for key, value in source.items() if key != "expression"}
            self.texts_of(rest, f"{place}.valueFrom", scope, output=True)
            self.bare(source.get("parameter", ""), f"{place}.valueFrom.parameter", scope)
            expression = source.get("expression", "")
            tags.expression(expression, f"{place}.valueFrom.expression", scope, self.notes, rule="X-06")
        for index, row in enumerate(outputs.get("artifacts", [])):
            place = f"{path}.artifacts[{index}]"
            self.bare(row.get("from", ""), f"{place}.from", scope)
            tags.expression(row.get("fromExpression", ""), f"{place}.fromExpression", scope, self.notes, rule="X-06")

    def bare(self, name: str, path: str, scope: Scope) -> None:
        """X-06: a reference without braces, which the server does not look at."""
        if name and "{{" not in name and not scope.knows(name.strip()):
            self.notes.error(
                "X-06", path, f"{name!r} is no output that exists here; write {{{{NAME}}}} with a name that does"
            )


class _Earlier:
    """Blocks the tasks that are not finished when a task starts."""

    def __init__(self, rows: dict[str, tuple[Fields, str]], earlier: frozenset[str], own: str) -> None:
        self.rows, self.earlier, self.own = rows, earlier, own

    def __call__(self, name: str) -> tuple[str, str] | None:
        if name not in self.rows or name in self.earlier:
            return None
        if name == self.own:
            return "X-05", "a task cannot use its own outputs"
        return (
            "X-05",
            f"{self.own!r} does not wait for {name!r}, so it may wait for this value for ever; add it to depends",
        )


class _OwnAllowed:
    """What a scope blocks, but for the step or task itself: hooks may use its outputs."""

    def __init__(self, scope: Scope, own: str) -> None:
        self.scope, self.own = scope, own

    def __call__(self, name: str) -> tuple[str, str] | None:
        return None if name == self.own else self.scope.blocked(name)
