"""From a graph back to the objects of the API: ``compile_workflow(decompile(graph)) == graph``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dflow.code_gen.refuse import unsayable
from dflow.common import HTTPArtifact, LocalArtifact, S3Artifact
from dflow.compile.values import RawText
from dflow.dag import DAG
from dflow.engine import model
from dflow.executor import DirectExecutor
from dflow.io import ArgoVar, InputArtifact, InputParameter, OutputArtifact, OutputParameter
from dflow.loops import ArgoSequence
from dflow.op_template import (
    ContainerOPTemplate,
    HTTPOPTemplate,
    OPTemplate,
    PythonScriptOPTemplate,
    ScriptOPTemplate,
    Secret,
    ShellOPTemplate,
)
from dflow.python.python_op_template import PythonOPTemplate
from dflow.python.slices import Slices
from dflow.step import HOOKS, HookStep, Step
from dflow.steps import Steps
from dflow.task import Task
from dflow.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Port", "add_calls", "decompile", "port_of", "step_of", "task_of", "template_of"]

Port = model.InputParameter | model.InputArtifact | model.OutputParameter | model.OutputArtifact

_LEAVES = {"shell": ShellOPTemplate, "python": PythonScriptOPTemplate, "container": ContainerOPTemplate}


def decompile(graph: model.WorkflowGraph) -> Workflow:
    """The workflow that compiles to this graph; one that holds the graph itself where objects cannot say it all."""
    if unsayable(graph):
        whole = Workflow(name=graph.name)
        whole.compiled = graph
        return whole
    templates: dict[str, OPTemplate] = {t.name: template_of(t) for t in graph.templates}
    for template in graph.templates:
        add_calls(templates[template.name], template, templates)
    workflow = Workflow(
        name=graph.name,
        parallelism=graph.parallelism,
        labels=dict(graph.labels),
        annotations=dict(graph.annotations),
        parameters={name: RawText(text) for name, text in graph.parameters},
        **json.loads(graph.kubernetes or "{}"),
    )
    workflow.entrypoint = templates[graph.entrypoint]
    workflow.on_exit = None if graph.on_exit is None else templates[graph.on_exit]
    return workflow


def template_of(template: model.Template) -> OPTemplate:
    """The template of a record; a Steps or DAG is still empty."""
    made: Any
    match template:
        case model.StepsTemplate():
            made = Steps(template.name, parallelism=template.parallelism)
            made.retry_strategy, made.fail_fast = template.retry, template.fail_fast
        case model.DagTemplate():
            made = DAG(template.name, parallelism=template.parallelism)
            made.retry_strategy, made.fail_fast = template.retry, template.fail_fast
        case model.ScriptTemplate():
            made = _LEAVES[template.language](name=template.name)
            made.script = template.script
            if template.args:
                made.args = list(template.args)
            _set_pod(made, template.pod)
        case model.PythonOpTemplate():
            made = PythonOPTemplate.__new__(PythonOPTemplate)
            ScriptOPTemplate.__init__(made, name=template.name)
            made.op_class, made.slices = template.op, None
            made.python_packages = list(template.packages)
            made.pre_script, made.post_script = template.pre_script, template.post_script
            made.isolation = template.isolation
            _set_pod(made, template.pod)
        case model.HttpTemplate():
            made = HTTPOPTemplate(template.url, name=template.name, method=template.method, body=template.body)
            made.headers, made.timeout = dict(template.headers), template.timeout
            made.success_condition, made.insecure_skip_verify = template.success_condition, template.insecure
        case _:
            raise TypeError(f"{type(template).__name__} has no words in the API")
    made._named = True
    made.memoize_key = _given(template.memoize)
    _declare(made, template)
    return made  # type: ignore[no-any-return]


def _set_pod(made: ScriptOPTemplate, pod: model.Pod) -> None:
    made.image = pod.image
    made.command = list(pod.command)
    made.envs = {**dict(pod.env), **{name: Secret(name=secret, key=key) for name, secret, key in pod.secret_env}}
    made.timeout = _given(pod.timeout)
    made.retry_strategy = pod.retry
    made.init_progress = pod.progress or made.init_progress
    for name, value in json.loads(pod.kubernetes or "{}").items():
        setattr(made, name, value)


def _declare(made: OPTemplate, template: model.Template) -> None:
    made.inputs.parameters.update({p.name: port_of(p) for p in template.inputs.parameters})
    made.inputs.artifacts.update({a.name: port_of(a) for a in template.inputs.artifacts})
    made.outputs.parameters.update({p.name: port_of(p) for p in template.outputs.parameters})
    made.outputs.artifacts.update({a.name: port_of(a) for a in template.outputs.artifacts})


def port_of(port: Port) -> Any:
    """The parameter or artifact that a template declares."""
    match port:
        case model.InputParameter():
            return _input_parameter(port)
        case model.InputArtifact():
            return _input_artifact(port)
        case model.OutputParameter():
            return _output_parameter(port)
    return _output_artifact(port)


def _input_parameter(p: model.InputParameter) -> InputParameter:
    default = {} if p.default is None else {"value": _given(p.default)}
    return InputParameter(
        name=p.name,
        type=p.type,
        path=p.path,
        save_as_artifact=p.big,
        description=p.description,
        source=_source(p.source),
        **default,
    )


def _input_artifact(a: model.InputArtifact) -> InputArtifact:
    return InputArtifact(
        name=a.name,
        path=a.path,
        optional=a.optional,
        type=a.type,
        source=_source(a.source),
        mode=a.mode,
        sub_path=a.sub_path,
        archive=a.archive,
        save_as_parameter=a.save_as_parameter,
    )


def _output_parameter(o: model.OutputParameter) -> OutputParameter:
    default = {} if o.default is None else {"default": _given(o.default)}
    return OutputParameter(
        name=o.name,
        value_from_path=o.path,
        value_from_expression=_given(o.source),
        type=o.type,
        global_name=o.global_name,
        save_as_artifact=o.big,
        save_both=o.save_both,
        description=o.description,
        **default,
    )


def _output_artifact(out: model.OutputArtifact) -> OutputArtifact:
    return OutputArtifact(
        name=out.name,
        path=out.path,
        _from=_source(out.source),
        type=out.type,
        save=None if out.save is None else json.loads(out.save),
        archive=out.archive,
        global_name=out.global_name,
        optional=out.optional,
    )


def add_calls(made: Any, template: model.Template, templates: Mapping[str, OPTemplate]) -> None:
    """Give a Steps or DAG its steps or tasks.

    Args:
        templates: what they call, by name.
    """
    match template:
        case model.StepsTemplate(groups=groups):
            made.steps = [[step_of(call, templates) for call in group] for group in groups]
        case model.DagTemplate(tasks=tasks):
            made.tasks = [task_of(call, templates) for call in tasks]


def step_of(call: model.Call, templates: Mapping[str, OPTemplate]) -> Step:
    """The step of a call."""
    return Step(call.name, templates[call.template], **_arguments(call), **_hooks(call, templates))


def task_of(call: model.Call, templates: Mapping[str, OPTemplate]) -> Task:
    """The task of a call."""
    return Task(
        call.name,
        templates[call.template],
        dependencies=list(call.dependencies),
        **_arguments(call),
        **_hooks(call, templates),
    )


def _arguments(call: model.Call) -> dict[str, Any]:
    return {
        "parameters": {name: _given(value) for name, value in call.parameters},
        "artifacts": {name: _source(source) for name, source in call.artifacts},
        "when": _given(call.when),
        "key": _given(call.key),
        "timeout": _given(call.timeout),
        "isolation": call.isolation,
        "executor": None
        if call.executor is None
        else DirectExecutor(call.executor.kind, json.loads(call.executor.config)),
        "continue_on_failed": call.continue_on.failed,
        "continue_on_error": call.continue_on.error,
        "continue_on_num_success": call.continue_on.num_success,
        "continue_on_success_ratio": call.continue_on.success_ratio,
        **_loop(call.loop),
        **_helper_pod(call),
    }


def _helper_pod(call: model.Call) -> dict[str, Any]:
    return {f"util_{name}": value for name, value in json.loads(call.helper_pod or "{}").items()}


def _hooks(call: model.Call, templates: Mapping[str, OPTemplate]) -> dict[str, Any]:
    return {
        HOOKS[hook.name][0]: HookStep(
            templates[hook.call.template], hook.expression, name=hook.call.name, **_arguments(hook.call)
        )
        for hook in call.hooks
    }


def _loop(loop: model.Loop | None) -> dict[str, Any]:
    if loop is None:
        return {}
    arguments: dict[str, Any] = {"parallelism": loop.parallelism, "slices": _slices(loop.slices)}
    items = loop.items
    if isinstance(items, model.Sequence):
        sequence = ArgoSequence(_given(items.count), _given(items.start), _given(items.end), _given(items.format))
        return {"with_sequence": sequence, **arguments}
    return {"with_param": _given(items), **arguments}


def _slices(slices: model.Slices | None) -> Slices | None:
    if slices is None:
        return None
    return Slices(
        slices=_given(slices.index),
        input_parameter=list(slices.input_parameters),
        input_artifact=list(slices.input_artifacts),
        output_parameter=list(slices.output_parameters),
        output_artifact=list(slices.output_artifacts),
        create_dir=slices.create_dir,
        group_size=slices.group_size,
        pool_size=slices.pool_size,
        pool_timeout=slices.pool_timeout,  # type: ignore[arg-type]
        shuffle=slices.shuffle,
        random_seed=slices.random_seed,
        raise_for_group=slices.group_size is not None and slices.raise_for_group,
    )


def _given(value: model.Value | None) -> Any:
    """What a script would have written for a value."""
    match value:
        case None:
            return None
        case model.Literal(text):
            return RawText(text)
        case model.Ref(path):
            return "{{" + path + "}}"
        case model.Expr(source):
            return ArgoVar(source)
        case model.Text(source):
            return source


def _source(source: model.ArtifactSource | None) -> Any:  # noqa: PLR0911 - one for each kind
    match source:
        case None:
            return None
        case model.LocalArtifact(path, sub_path, element, urn):
            artifact = LocalArtifact(path, urn or "")
            return _element(artifact.sub_path(sub_path) if sub_path else artifact, element)
        case model.StoredArtifact(model.Literal(key), sub_path, element, count, urn):
            listed = [{"dflow_list_item": None, "order": index} for index in range(count or 0)]
            stored = S3Artifact(None, listed, urn or "")
            stored.key = key
            return _element(stored.sub_path(sub_path) if sub_path else stored, element)
        case model.ArtifactList(members, is_dict):
            sources = {name: _source(member) for name, member in members}
            return sources if is_dict else list(sources.values())
        case model.ArtifactFrom(model.Ref(path), sub_path, element):
            return _element(_Reference(path, sub_path), element)
        case model.ArtifactFrom(model.Expr(text), _):
            return ArgoVar(text)
        case model.HttpArtifact(url):
            return HTTPArtifact(_given(url))
        case model.CustomArtifact():
            return source


def _element(artifact: Any, element: tuple[str, ...] | None) -> Any:
    for key in element or ():
        artifact = artifact[key]
    return artifact


class _Reference(InputArtifact):
    """An artifact by the path of its reference."""

    def __init__(self, path: str, sub_path: str | None) -> None:
        super().__init__()
        self._reference = path
        self._sub_path = sub_path

    def __str__(self) -> str:
        return "{{" + self._reference + "}}"
