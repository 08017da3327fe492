"""Templates that do something themselves."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.engine.model import HttpTemplate, ResourceTemplate, ScriptTemplate, SuspendTemplate
from dflow.exporters.argo.load.ignored import note_container
from dflow.exporters.argo.load.pods import expanded, pod_of
from dflow.exporters.argo.load.ports import annotations_of, inputs_of, outputs_of
from dflow.exporters.argo.load.texts import flattened

if TYPE_CHECKING:
    from dflow.engine.model import Pod, Value
    from dflow.exporters.argo.load.context import Context

__all__ = ["around_loop", "is_helper", "leaf_of", "memoize_of"]

_PYTHON = ("python", "python3")

Fields = dict[str, Any]
Leaf = ScriptTemplate | HttpTemplate | ResourceTemplate | SuspendTemplate


@dataclass(frozen=True)
class _Parts:
    """What is different in scripts and containers."""

    language: str
    script: str | None
    pod: Pod
    args: tuple[str, ...] = ()


def is_helper(template: Fields) -> bool:
    """Whether an exporter made the template."""
    return annotations_of(template).get("dflow/helper") == "true"


def around_loop(template: Fields) -> str | None:
    """Of what a loop was that an exporter made the template for: ``steps``, ``tasks``; None for any other template."""
    kind, _, of = str(annotations_of(template).get("dflow/helper")).partition("-of-")
    return of if kind == "loop" else None


def memoize_of(template: Fields, context: Context) -> tuple[Value | None, float | None]:
    """The key under which outputs are kept, and for how many seconds (MM-01)."""
    memoize = template.get("memoize", {})
    key = memoize.get("key", "")
    if not key:
        return None, None
    return context.value(key), context.seconds(memoize.get("maxAge", ""), "memoize.maxAge")


def leaf_of(template: Fields, kind: str, name: str, context: Context) -> Leaf | None:
    """A template of one of the kinds that are no steps and no dag; None for a kind that cannot be run here."""
    match kind:
        case "container":
            return _container(template, name, context)
        case "script":
            return _script(template, name, context)
        case "suspend":
            return _suspend(template, name, context)
        case "http":
            return _http(template, name, context)
        case "resource":
            return _resource(template, name, context)
    context.book.problem(f"a {kind} template cannot be run here; use container, script, http, steps or dag")
    return None


def _container(template: Fields, name: str, context: Context) -> ScriptTemplate:
    container = template["container"]
    note_container(container, context)
    command = tuple(container.get("command", []))
    if not command:
        context.book.problem(
            "no command: the image would say what is run, and images are not looked into here; give the command"
        )
    pod = pod_of(template, container, _flat(command), context)
    args = expanded(_flat(container.get("args", [])), dict(pod.env))
    return _program(template, name, _Parts("container", None, pod, args), context)


def _script(template: Fields, name: str, context: Context) -> ScriptTemplate:
    script = template["script"]
    note_container(script, context)
    command = (*script.get("command", []), *script.get("args", []))
    if not script.get("command"):
        context.book.problem(
            "no command: the image would say what reads the script, and images are not looked into here; "
            "give the command, such as [sh] or [python3]"
        )
    language = "python" if command and command[0] in _PYTHON else "shell"
    own = () if len(command) == 1 and language == "python" else _flat(command)
    pod = pod_of(template, script, own, context)
    return _program(template, name, _Parts(language, flattened(script.get("source", "")), pod), context)


def _program(template: Fields, name: str, parts: _Parts, context: Context) -> ScriptTemplate:
    """What is the same for scripts and containers."""
    key, age = memoize_of(template, context)
    return ScriptTemplate(
        name,
        parts.language,
        parts.script,
        parts.args,
        inputs_of(template, context),
        outputs_of(template, context),
        parts.pod,
        key,
        age,
        helper=is_helper(template),
    )


def _flat(words: Any) -> tuple[str, ...]:
    return tuple(map(flattened, words))


def _suspend(template: Fields, name: str, context: Context) -> SuspendTemplate:
    duration = context.known(str(template["suspend"].get("duration", "")))
    key, age = memoize_of(template, context)
    _no_age(age, context)
    if "retryStrategy" in template:
        context.book.note("retryStrategy of a suspend template is not used here")
    return SuspendTemplate(
        name,
        context.value(duration) if duration else None,
        inputs_of(template, context),
        outputs_of(template, context),
        key,
    )


def _http(template: Fields, name: str, context: Context) -> HttpTemplate:
    http = template["http"]
    key, age = memoize_of(template, context)
    _no_age(age, context)
    timeout = http.get("timeoutSeconds")
    return HttpTemplate(
        name,
        url=flattened(http.get("url", "")),
        method=http.get("method") or "GET",
        headers=tuple(_header(row, context) for row in http.get("headers", [])),
        body=_body(http, context),
        timeout=timeout or None,
        success_condition=http.get("successCondition") or None,
        insecure=bool(http.get("insecureSkipVerify")),
        inputs=inputs_of(template, context),
        outputs=outputs_of(template, context),
        pod=pod_of(template, {}, (), context),
        memoize=key,
    )


def _header(row: Fields, context: Context) -> tuple[str, str]:
    name = row.get("name", "")
    if row.get("valueFrom"):
        context.book.problem(f"the header {name!r} is in a secret of a cluster; give its value, such as by a parameter")
    return name, flattened(row.get("value", ""))


def _body(http: Fields, context: Context) -> str | None:
    data = http.get("bodyFrom", {}).get("bytes", "")
    if not data:
        return flattened(http["body"]) if http.get("body") else None
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        context.book.problem("bodyFrom.bytes must be the base64 of a text; give body instead")
        return None


def _resource(template: Fields, name: str, context: Context) -> ResourceTemplate:
    resource = template["resource"]
    key, age = memoize_of(template, context)
    _no_age(age, context)
    for field in ("manifestFrom", "mergeStrategy", "setOwnerReference"):
        if resource.get(field):
            context.book.note(f"{field} of a resource is not kept")
    return ResourceTemplate(
        name,
        resource.get("action", ""),
        resource.get("manifest") or None,
        resource.get("successCondition") or None,
        resource.get("failureCondition") or None,
        tuple(resource.get("flags", [])),
        inputs_of(template, context),
        outputs_of(template, context),
        pod_of(template, {}, (), context),
        key,
    )


def _no_age(age: float | None, context: Context) -> None:
    if age is not None:
        context.book.note("memoize.maxAge is used for containers, scripts, steps and dags only")
