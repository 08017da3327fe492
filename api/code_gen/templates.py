"""Templates as statements of a script: what they take and give, and how they are run."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dflow.code_gen.layout import assign, call, literal, quote, triple_quote
from dflow.code_gen.ports import PortWriter, archive_piece, dict_piece, json_piece, number_piece, text_piece
from dflow.compile.problems import Problems
from dflow.compile.retries import retry_of
from dflow.engine import model
from dflow.names import check_template_name
from dflow.python.python_op_template import _dns_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dflow.code_gen.layout import Piece
    from dflow.code_gen.names import Names
    from dflow.code_gen.ops import Ops
    from dflow.code_gen.values import Values

__all__ = ["TemplateWriter"]

_CLASSES = {"shell": "ShellOPTemplate", "python": "PythonScriptOPTemplate", "container": "ContainerOPTemplate"}
_POLICIES = {
    ("failure",): None,
    ("error",): "OnError",
    ("failure", "error"): "Always",
    ("transient",): "OnTransientError",
}
_COUNTS = {
    ("transient",): "retry_on_transient_error",
    ("failure",): "retry_on_failure",
    ("error",): "retry_on_error",
    ("failure", "error"): "retry_on_failure_and_error",
}
_NOT_OF_OPS = ("pvcs",)


class TemplateWriter:
    """Writes templates; steps and tasks are added by others."""

    def __init__(self, names: Names, values: Values, ops: Ops) -> None:
        self._names = names
        self._values = values
        self._ops = ops
        self._ports = PortWriter(names, values)

    def leaf(self, template: Any, variable: str) -> Iterator[str]:
        """The statements for a template that runs something."""
        if isinstance(template, model.PythonOpTemplate):
            yield from self._op(template, variable)
        elif isinstance(template, model.HttpTemplate):
            yield assign(variable, self._request(template))
            yield from self._late(template, variable)
        else:
            yield from self._script(template, variable)

    def _script(self, template: model.ScriptTemplate, variable: str) -> Iterator[str]:
        constant = triple_quote(template.script) if template.script else None
        script: Piece | None = None if template.script is None else quote(template.script)
        if constant is not None:
            script = self._names.variable(f"{variable}_script")
            yield f"{script} = {constant}"
        named = [
            ("name" if template.language == "container" else "", quote(template.name)),
            *self._ports.both(template),
            *self._pod(template.pod),
            ("args", literal(template.args) if template.args else None),
            ("script", script),
            ("memoize_key", self._optional(template.memoize)),
            ("init_progress", text_piece(template.pod.progress)),
            ("retry_strategy", self._strategy(template.pod.retry)),
            *_kubernetes(template.pod),
        ]
        positional = [piece for name, piece in named if not name and piece is not None]
        made = call(self._names.ours(_CLASSES[template.language]), *positional, named=[n for n in named if n[0]])
        yield assign(variable, made)
        yield from self._late(template, variable)

    def group(self, template: model.StepsTemplate | model.DagTemplate, variable: str) -> Iterator[str]:
        """The statements for a Steps or a DAG without its steps, and without the sources of its outputs."""
        kind = self._names.ours("Steps" if isinstance(template, model.StepsTemplate) else "DAG")
        named = [
            *self._ports.both(template),
            ("memoize_key", self._optional(template.memoize)),
            ("parallelism", number_piece(template.parallelism)),
        ]
        yield assign(variable, call(kind, quote(template.name), named=named))
        yield from self._retry(template.retry, variable)
        if template.fail_fast:
            yield f"{variable}.fail_fast = True"

    def _request(self, template: model.HttpTemplate) -> Piece:
        named = [
            ("name", quote(template.name)),
            *self._ports.both(template),
            ("memoize_key", self._optional(template.memoize)),
            ("method", None if template.method == "GET" else quote(template.method.lower())),
            ("headers", literal(dict(template.headers)) if template.headers else None),
            ("timeout", number_piece(template.timeout)),
            ("success_condition", None if template.success_condition is None else quote(template.success_condition)),
            ("body", None if template.body is None else quote(template.body)),
            ("insecure_skip_verify", "True" if template.insecure else None),
        ]
        return call(self._names.ours("HTTPOPTemplate"), quote(template.url), named=named)

    def _op(self, template: model.PythonOpTemplate, variable: str) -> Iterator[str]:
        pod, outputs = template.pod, template.outputs
        default = {o.name: self._values.parameter(o.default, o.type) for o in outputs.parameters if o.default}
        count, late = _count(pod.retry), pod.retry is not None and pod.retry.timeout_is_transient
        shown = [(name, piece) for name, piece in _kubernetes(pod) if name not in _NOT_OF_OPS]
        named: list[tuple[str, Piece | None]] = [
            *self._pod(pod),
            ("output_parameter_default", dict_piece(default)),
            ("output_parameter_global_name", _global_names(outputs.parameters)),
            ("output_artifact_global_name", _global_names(outputs.artifacts)),
            ("output_artifact_archive", dict_piece({o.name: archive_piece(o) for o in outputs.artifacts})),
            ("output_artifact_save", dict_piece({o.name: json_piece(o.save) for o in outputs.artifacts})),
            ("python_packages", literal(template.packages) if template.packages else None),
            *([] if count is None else [count]),
            ("timeout_as_transient_error", "True" if late and count else None),
            ("memoize_key", self._optional(template.memoize)),
            ("pre_script", text_piece(template.pre_script)),
            ("post_script", text_piece(template.post_script)),
            ("tmp_root", text_piece(_root(template))),
            ("isolation", text_piece(template.isolation)),
            *shown,
        ]
        yield assign(
            variable, call(self._names.ours("PythonOPTemplate"), self._ops.expression(template.op), named=named)
        )
        if template.name != check_template_name(_dns_name(template.op.name)):
            yield f"{variable}.name = {quote(template.name)}"
        if count is None:
            yield from self._retry(pod.retry, variable)
        if pod.progress is not None:
            yield f"{variable}.init_progress = {quote(pod.progress)}"
        yield from (assign(f"{variable}.{n}", p) for n, p in _kubernetes(pod) if n in _NOT_OF_OPS and p is not None)
        yield from self._changed_inputs(template, variable)
        yield from self._late(template, variable)

    def _changed_inputs(self, template: model.PythonOpTemplate, variable: str) -> Iterator[str]:
        """What no sign says of an input."""
        for p in template.inputs.parameters:
            item = f"{variable}.inputs.parameters[{quote(p.name)}]"
            if p.source is not None:
                yield assign(f"{item}.source", self._values.artifact(p.source))
            if p.description is not None:
                yield assign(f"{item}.description", quote(p.description))
        for a in template.inputs.artifacts:
            item = f"{variable}.inputs.artifacts[{quote(a.name)}]"
            changed = {
                "source": None if a.source is None else self._values.artifact(a.source),
                "mode": None if a.mode is None else f"0o{a.mode:o}",
                "_sub_path": text_piece(a.sub_path),
                "save_as_parameter": "True" if a.save_as_parameter else None,
            }
            yield from (assign(f"{item}.{name}", piece) for name, piece in changed.items() if piece is not None)

    def _late(self, template: Any, variable: str) -> Iterator[str]:
        """Sources of the outputs of a leaf, which few have."""
        for o in template.outputs.parameters:
            if o.source is not None:
                attribute, piece = self._values.source(o.source, o.type)
                yield assign(f"{variable}.outputs.parameters[{quote(o.name)}].{attribute}", piece)
        for a in template.outputs.artifacts:
            if a.source is not None:
                yield assign(f"{variable}.outputs.artifacts[{quote(a.name)}]._from", self._values.artifact(a.source))

    # -- how it is run --------------------------------------------------------------------------------------------

    def _pod(self, pod: model.Pod) -> list[tuple[str, Piece | None]]:
        return [
            ("image", text_piece(pod.image)),
            ("command", literal(pod.command) if pod.command else None),
            ("envs", self._envs(pod)),
            ("timeout", self._optional(pod.timeout)),
        ]

    def _envs(self, pod: model.Pod) -> Piece | None:
        envs: dict[str, Piece] = {name: quote(text) for name, text in pod.env}
        for name, secret, key in pod.secret_env:
            named = [("name", quote(secret)), ("key", None if key == "secret" else quote(key))]
            envs[name] = call(self._names.ours("Secret"), named=named)
        return dict_piece(envs)

    def _retry(self, retry: model.Retry | None, variable: str) -> Iterator[str]:
        count, strategy = _count(retry), self._strategy(retry)
        if count is not None and count[0] != "retry_on_transient_error":
            yield f"{variable}.{count[0]} = {count[1]}"
        elif strategy is not None:
            yield assign(f"{variable}.retry_strategy", strategy)

    def _strategy(self, retry: model.Retry | None) -> Piece | None:
        """The retries in Argo's form, or, where that cannot say it, as the record of the graph."""
        if retry is None:
            return None
        backoff = {
            "duration": _short(retry.wait) or None,
            "factor": None if retry.factor == 1 else _short(retry.factor),
            "cap": _short(retry.wait_at_most),
            "maxDuration": _short(retry.max_duration),
        }
        policy = _POLICIES.get(retry.on)
        if retry.expression is not None:
            policy = None if retry.on == ("failure", "error") else policy or "OnFailure"
        given = {
            "limit": retry.limit,
            "retryPolicy": policy,
            "expression": retry.expression,
            "backoff": {name: value for name, value in backoff.items() if value is not None} or None,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if given and retry_of(SimpleNamespace(retry_strategy=given), Problems()) == retry:  # type: ignore[arg-type]
            return literal(given)
        fields = {name: getattr(retry, name) for name in model.Retry.__slots__}
        changed = [(n, v) for n, v in fields.items() if v != model.Retry.__dataclass_fields__[n].default]
        return call(self._names.ours("Retry"), named=[(n, repr(v)) for n, v in changed])

    def _optional(self, value: model.Value | None) -> Piece | None:
        return None if value is None else self._values.text(value)


def _global_names(outputs: Iterable[model.OutputParameter | model.OutputArtifact]) -> Piece | None:
    return dict_piece({o.name: text_piece(o.global_name) for o in outputs})


def _kubernetes(pod: model.Pod) -> list[tuple[str, Piece | None]]:
    return [(name, literal(value)) for name, value in json.loads(pod.kubernetes or "{}").items()]


def _root(template: model.PythonOpTemplate) -> str | None:
    """``tmp_root``, when it is not the usual one."""
    for side, kind in (("outputs", "parameters"), ("inputs", "artifacts"), ("outputs", "artifacts")):
        for item in getattr(getattr(template, side), kind):
            root, found, _ = (item.path or "").rpartition(f"/{side}/{kind}/{item.name}")
            if found and root != "/tmp":  # noqa: S108 - the default of the API, inside the container
                return str(root)
    return None


def _count(retry: model.Retry | None) -> tuple[str, str] | None:
    """The argument that says these retries, and its value."""
    if retry is None or retry.limit is None or retry.on not in _COUNTS:
        return None
    plain = model.Retry(limit=retry.limit, on=retry.on, timeout_is_transient=retry.timeout_is_transient)
    return (_COUNTS[retry.on], repr(retry.limit)) if retry == plain else None


def _short(number: float | None) -> float | int | None:
    return int(number) if number is not None and number == int(number) else number
