"""CALL, IO-03 to IO-05, SPEC-06 to SPEC-09, X-07 and X-11: what is called, with which arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.near import near
from dflow.exporters.argo.lint import loops
from dflow.exporters.argo.lint.parameters import check_artifact
from dflow.exporters.argo.lint.shapes import calls_of, has_location, hooks_of

if TYPE_CHECKING:
    from dflow.exporters.argo.lint.findings import Notes
    from dflow.exporters.argo.lint.library import Callee, Library, Template

__all__ = ["check_arguments", "check_hooks", "check_supplied", "check_template"]

_SOURCES = ("configMapKeyRef", "supplied", "event", "default")

Fields = dict[str, Any]


def check_template(template: Template, library: Library, notes: Notes) -> None:
    """The steps or tasks of a template."""
    for call, path in calls_of(template.fields, template.path):
        _target(call, path, notes)
        callee = library.callee(call, template.owner, path)
        if callee.missing:
            rule = "CALL-02" if "templateRef" in call else "CALL-01"
            notes.error(rule, path, f"there is no {callee.missing}{_similar(call, template, library)}")
        check_arguments(call, path, notes, called=True)
        check_supplied(call.get("arguments", {}), callee, path, notes)
        loops.check_call(call, path, notes)
        check_hooks(call, template.owner, path, library, notes, rule="CALL-06")


def _similar(call: Fields, template: Template, library: Library) -> str:
    return near(call["template"], library.documents[template.owner].templates) if call.get("template") else ""


def _target(call: Fields, path: str, notes: Notes) -> None:
    given = [
        name
        for name in ("template", "templateRef", "inline")
        if call.get(name) or (name != "template" and name in call)
    ]
    rule = "CALL-02" if "templateRef" in given else "CALL-01"
    if not given:
        notes.error("CALL-01", path, "nothing is called; give template, templateRef or inline")
    if len(given) > 1:
        notes.error(rule, path, f"{' and '.join(given)} exclude each other; leave one of them out")
    _reference(call, path, notes)


def _reference(call: Fields, path: str, notes: Notes) -> None:
    ref = call.get("templateRef")
    for name in ("name", "template"):
        if ref is not None and not ref.get(name):
            notes.error("CALL-02", f"{path}.templateRef", f"a templateRef needs its {name}")


def check_hooks(holder: Fields, owner: int, path: str, library: Library, notes: Notes, *, rule: str) -> None:
    """The hooks of a step, a task or the whole workflow; ``rule`` is the one about their expressions."""
    for name, hook, place in hooks_of(holder, path):
        if name != "exit" and not hook.get("expression"):
            notes.error(
                rule, place, f"the hook {name!r} needs an expression that says when it runs; only 'exit' needs none"
            )
        if not any(hook.get(field) for field in ("template", "templateRef")):
            notes.error("X-11", place, "the hook calls nothing; give its template")
        _reference(hook, place, notes)
        callee = library.callee(hook, owner, place)
        if callee.missing:
            notes.error("X-11", place, f"there is no {callee.missing}; the hook would fail when it starts")
        check_arguments(hook, place, notes, called=True)
        check_supplied(hook.get("arguments", {}), callee, place, notes, hook=True)
    name = holder.get("onExit", "")
    if name and rule == "CALL-06":
        callee = library.callee({"template": name}, owner, path)
        if callee.missing:
            notes.error("X-11", f"{path}.onExit", f"there is no {callee.missing}; the hook would fail when it starts")
        check_supplied(holder.get("arguments", {}), callee, f"{path}.onExit", notes, hook=True, extra=False)


def check_arguments(call: Fields, path: str, notes: Notes, *, called: bool) -> None:
    """The arguments by themselves; those of a call need values, those of a workflow may get them at its start."""
    arguments = call.get("arguments", {})
    for index, parameter in enumerate(arguments.get("parameters", [])):
        place = f"{path}.arguments.parameters[{index}]"
        if called and "value" not in parameter and "valueFrom" not in parameter:
            notes.error("IO-05", place, "an argument of a call needs a value or valueFrom")
        for name in parameter.get("valueFrom", {}):
            if name not in _SOURCES:
                allowed = "configMapKeyRef, supplied or event"
                notes.error(
                    "SPEC-06",
                    f"{place}.valueFrom.{name}",
                    f"an argument cannot come from {name}; use {allowed}, or a tag",
                )
        _enum(parameter, place, notes)
    for index, artifact in enumerate(arguments.get("artifacts", [])):
        place = f"{path}.arguments.artifacts[{index}]"
        check_artifact(artifact, place, notes)
        if artifact.get("from") and artifact.get("fromExpression"):
            notes.error("SPEC-09", place, "both from and fromExpression; leave one of them out")
        elif not artifact.get("from") and not has_location(artifact):
            notes.error("SPEC-08", place, "nothing says which artifact this is; give from, or a location with its key")


def _enum(parameter: Fields, path: str, notes: Notes) -> None:
    allowed = parameter.get("enum")
    if allowed is None:
        return
    if not allowed:
        notes.error("SPEC-07", f"{path}.enum", "the list of allowed values is empty; fill it or leave it out")
    elif "value" in parameter and parameter["value"] not in allowed:
        notes.error("SPEC-07", f"{path}.value", f"{parameter['value']!r} is none of {', '.join(map(repr, allowed))}")


def check_supplied(
    arguments: Fields, callee: Callee, path: str, notes: Notes, *, hook: bool = False, extra: bool = True
) -> None:
    """Whether a template gets the inputs it needs, and no others."""
    if callee.template is None:
        return
    inputs = callee.template.fields.get("inputs", {})
    name = callee.template.fields.get("name", "inline")
    for what in ("parameter", "artifact"):
        declared = {row.get("name", ""): row for row in inputs.get(f"{what}s", [])}
        given = {row.get("name", "") for row in arguments.get(f"{what}s", [])}
        needed = [key for key, row in declared.items() if key not in given and not _has_own(row, what)]
        for key in needed:
            rule = "X-11" if hook else "IO-03" if what == "parameter" else "IO-04"
            notes.error(rule, path, f"the template {name!r} needs the {what} {key!r}; give it as an argument")
        if extra:
            _extra(what, arguments, declared, inputs, f"{path}.arguments", name, notes)


def _has_own(row: Fields, what: str) -> bool:
    if what == "parameter":
        return any(field in row for field in ("value", "default", "valueFrom"))
    return bool(row.get("optional")) or has_location(row)


def _extra(  # noqa: PLR0913, PLR0917 - what it is about, and where
    what: str, arguments: Fields, declared: Fields, inputs: Fields, path: str, name: str, notes: Notes
) -> None:
    """X-07; mentioning another step also orders the two, so it may be meant where a template reads no arguments."""
    reads = bool(inputs.get("parameters") or inputs.get("artifacts"))
    for index, row in enumerate(arguments.get(f"{what}s", [])):
        key = row.get("name", "")
        if key in declared:
            continue
        place = f"{path}.{what}s[{index}]"
        mention = "{{" in str(row.get("value", "")) or "{{" in str(row.get("from", ""))
        text = f"the template {name!r} has no input {what} {key!r}, so it is dropped"
        if mention and not reads:
            notes.warn("X-07", place, f"{text}; declare it, or remove it")
        else:
            notes.error("X-07", place, f"{text}{near(key, declared)}; declare it, or remove it")
