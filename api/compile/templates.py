"""Templates of a script as templates of the graph."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dflow.compile.kinds import right_ports, right_step, right_template
from dflow.compile.loops import elements, key_of, loop_of
from dflow.compile.ports import as_json, inputs_of, outputs_of
from dflow.compile.references import call_mentions, mentioned
from dflow.compile.rendering import Rendering, base_name
from dflow.compile.resources import resource_of
from dflow.compile.retries import retry_of
from dflow.compile.secrets import Secrets
from dflow.compile.values import artifact_source, parameter_value, seconds_value, text_value
from dflow.config import config
from dflow.dag import DAG
from dflow.engine import model
from dflow.engine.errors import CompileError, ExpressionError, PayloadError
from dflow.io import ArgoVar
from dflow.op_template import ContainerOPTemplate, HTTPOPTemplate, OPTemplate, ScriptOPTemplate, Secret
from dflow.python.op import op_name
from dflow.python.payload import origin_of, pack_op
from dflow.python.python_op_template import PythonOPTemplate
from dflow.step import HOOKS, HookStep, slices_of
from dflow.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.compile.problems import Problems
    from dflow.step import Step

__all__ = ["TemplateCompiler"]

_FOR_KUBERNETES = (
    "node_selector",
    "tolerations",
    "affinity",
    "volumes",
    "mounts",
    "init_containers",
    "sidecars",
    "image_pull_policy",
    "requests",
    "limits",
    "pvcs",
    "annotations",
    "labels",
)
_ISOLATIONS = ("fork", "spawn", "warm")


class TemplateCompiler:
    """Compiles templates, each object once.

    Attributes:
        templates: what was compiled, in order; calls name templates by their index here, as text.
        secrets: of the variables of all templates.
        objects: what each of them was made from.
    """

    def __init__(self, problems: Problems, context: Any = None, *, on_cluster: bool = False) -> None:
        self.templates: list[model.Template] = []
        self._rendering = Rendering(problems, context, on_cluster=on_cluster)
        self._problems = problems
        self.secrets = Secrets(problems, on_cluster=on_cluster)
        self._index: dict[int, int] = {}
        self.objects: list[OPTemplate] = []
        self._right: dict[int, bool] = {}
        self._payloads: dict[int, model.OpPayload] = {}

    def compile(self, entry: OPTemplate, entry_name: str, on_exit: OPTemplate | None = None) -> tuple[int, int | None]:
        """Compile the entry and the exit template and everything that they use; the indexes of the two."""
        waiting = [entry] if on_exit is None or on_exit is entry else [entry, on_exit]
        for template in waiting:
            self._reserve(template)
        right = True
        while waiting:
            template = waiting.pop()
            right = self._is_right(template) and right
            for call in _calls_of(template):
                right = right_step(call, self._problems) and self._is_right(call.template) and right
                rendered = self._rendering.of(call) if right else call.template
                if id(rendered) not in self._index:
                    self._reserve(rendered)
                    waiting.append(rendered)
        if not right:
            raise CompileError(self._problems.found)
        for template in self.objects:
            name = template.name if template._named else entry_name if template is entry else base_name(template)
            self.templates.append(self._one(template, name))
        return self._index[id(entry)], None if on_exit is None else self._index[id(on_exit)]

    def _is_right(self, template: OPTemplate) -> bool:
        """Whether its attributes, inputs and outputs are of the right kinds; it is looked at once."""
        known = self._right.get(id(template))
        if known is None:
            right = right_template(template, self._problems)
            self._right[id(template)] = known = right_ports(template, self._problems) and right
        return known

    def _reserve(self, template: OPTemplate) -> None:
        self._index[id(template)] = len(self.objects)
        self.objects.append(template)

    def _one(self, template: OPTemplate, name: str) -> model.Template:
        what = "steps" if isinstance(template, Steps) else "dag" if isinstance(template, DAG) else "template"
        with self._problems.at(f"{what} {name!r}"):
            inputs, outputs = inputs_of(template, self._problems), outputs_of(template, self._problems)
            if isinstance(template, Steps):
                groups = [group if isinstance(group, list) else [group] for group in template.steps]
                compiled = tuple(tuple(self._call(step) for step in group) for group in groups)
                return model.StepsTemplate(name, compiled, inputs, outputs, **self._whole(template))
            if isinstance(template, DAG):
                tasks = self._ordered(tuple(self._call(task) for task in template.tasks))
                return model.DagTemplate(name, tasks, inputs, outputs, **self._whole(template))
            if isinstance(template, ScriptOPTemplate):
                return self._leaf(template, name, inputs, outputs)
            if isinstance(template, HTTPOPTemplate):
                return self._request(template, name, inputs, outputs)
            self._problems.add(f"a template of class {type(template).__name__} cannot be run in this version")
            return model.ScriptTemplate(name, "shell", "", inputs=inputs, outputs=outputs)

    def _whole(self, template: Steps | DAG) -> dict[str, Any]:
        """How a Steps or DAG is run as a whole."""
        return {
            "parallelism": template.parallelism,
            "memoize": self._memoize(template),
            "retry": retry_of(template, self._problems),
            "fail_fast": bool(config["debug_failfast"] if template.fail_fast is None else template.fail_fast),
        }

    def _memoize(self, template: OPTemplate) -> model.Value | None:
        with self._problems.at("memoize_key"):
            return None if template.memoize_key is None else text_value(template.memoize_key, self._problems)

    def _ordered(self, tasks: tuple[model.Call, ...]) -> tuple[model.Call, ...]:
        """Every task with all that it depends on: what it names, and what it mentions."""
        names = [task.name for task in tasks]
        result = []
        for task in tasks:
            wanted = set(task.dependencies)
            for _, value in call_mentions(task):
                with contextlib.suppress(ExpressionError):  # reported where the value is checked
                    wanted |= {name[1] for name in mentioned(value) if name[0] == "tasks" and len(name) > 1}
            unknown = [name for name in task.dependencies if name not in names]
            result.append(replace(task, dependencies=tuple([n for n in names if n in wanted] + unknown)))
        return tuple(result)

    # -- calls ---------------------------------------------------------------------------------------------

    def _call(self, step: Step) -> model.Call:
        problems = self._problems
        with problems.at(f"{step._what} {step.name!r}"):
            return model.Call(
                name=step.name,
                template=str(self._index[id(self._rendering.of(step))]),
                parameters=tuple(self._argument(step, name, value) for name, value in step.parameters.items()),
                artifacts=tuple(self._artifact_arguments(step)),
                when=None if step.when is None else self._condition(step.when),
                key=key_of(step, problems),
                continue_on=model.ContinueOn(
                    step.continue_on_failed,
                    step.continue_on_error,
                    step.continue_on_num_success,
                    step.continue_on_success_ratio,
                ),
                timeout=seconds_value(step.timeout, problems),
                dependencies=tuple(str(d) for d in getattr(step, "dependencies", ())),
                loop=loop_of(step, problems),
                hooks=tuple(self._hooks(step)),
                isolation=self._isolation(step.isolation),
                executor=self._rendering.spec_of(step),
                helper_pod=_helper_pod(step),
            )

    def _hooks(self, step: Step) -> list[model.Hook]:
        hooks = []
        for name, (argument, phases) in HOOKS.items():
            given = getattr(step, argument)
            if given is None:
                continue
            if not isinstance(given, HookStep):
                self._problems.add(f"{argument} must be a HookStep, not {given!r}")
                continue
            expression = None if given.expression is None else hook_expression(given.expression)
            hooks.append(model.Hook(name, self._call(given), phases, expression))
        return hooks

    def _argument(self, step: Step, name: str, given: Any) -> tuple[str, model.Value]:
        declared = step.template.inputs.parameters.data.get(name)
        slices = slices_of(step)
        is_sliced = slices is not None and name in slices.input_parameter
        with self._problems.at(f"parameter {name!r}"):
            kind = getattr(declared, "type", None)
            if slices is not None and not {*slices.input_parameter} <= {*step.template.inputs.parameters.data}:
                kind = None  # a name is misspelt, which is said of the slices; this may be what it means
            if is_sliced:
                kind, given = None, elements(given, None if slices.group_size else kind, self._problems)
            return name, parameter_value(given, kind, self._problems)

    def _artifact_arguments(self, step: Step) -> list[tuple[str, model.ArtifactSource]]:
        arguments = []
        brought = self._rendering.customs_of(step)
        for name, given in step.artifacts.items():
            if name in brought:
                continue
            with self._problems.at(f"artifact {name!r}"):
                source = artifact_source(given, self._problems)
                if source is not None:
                    arguments.append((name, source))
        return arguments

    def _condition(self, when: Any) -> model.Value:
        with self._problems.at("when"):
            if isinstance(when, bool):
                return model.Literal("true" if when else "false")
            return text_value(when, self._problems)

    # -- leaves --------------------------------------------------------------------------------------------

    def _leaf(
        self, template: ScriptOPTemplate, name: str, inputs: model.Inputs, outputs: model.Outputs
    ) -> model.Template:
        if template.resource is not None:
            pod = model.Pod(
                timeout=seconds_value(template.timeout, self._problems),
                retry=retry_of(template, self._problems),
                kubernetes=_kubernetes(template, ("annotations", "labels")),
            )
            return resource_of(template, name, inputs, outputs, pod=pod, memoize=self._memoize(template))
        pod = self._pod(template)
        if isinstance(template, PythonOPTemplate):
            return model.PythonOpTemplate(
                name=name,
                op=self._payload(template),
                inputs=inputs,
                outputs=outputs,
                pod=pod,
                packages=tuple(os.path.abspath(str(p)) for p in template.python_packages),
                pre_script=template.pre_script,
                post_script=template.post_script,
                memoize=self._memoize(template),
                isolation=self._isolation(template.isolation),
            )
        args = tuple(str(a) for a in template.args) if isinstance(template, ContainerOPTemplate) else ()
        script = None if template.language == "container" else str(template.script or "")
        memoize = self._memoize(template)
        return model.ScriptTemplate(name, template.language, script, args, inputs, outputs, pod, memoize)

    def _request(
        self, template: HTTPOPTemplate, name: str, inputs: model.Inputs, outputs: model.Outputs
    ) -> model.HttpTemplate:
        return model.HttpTemplate(
            name=name,
            url=str(template.url),
            method=str(template.method).upper(),
            headers=tuple((str(key), str(value)) for key, value in template.headers.items()),
            body=None if template.body is None else str(template.body),
            timeout=None if template.timeout is None else int(template.timeout),
            success_condition=template.success_condition,
            insecure=bool(template.insecure_skip_verify),
            inputs=inputs,
            outputs=outputs,
            memoize=self._memoize(template),
        )

    def _payload(self, template: PythonOPTemplate) -> model.OpPayload:
        if isinstance(template.op_class, model.OpPayload):
            return template.op_class
        known = self._payloads.get(id(template.op_class))
        if known is None:
            try:
                packed = pack_op(template.op_class)
                origin = origin_of(template.op_class) if packed["kind"] == "pickle" else {}
                known = model.OpPayload(**packed, **origin)
            except PayloadError as exc:
                self._problems.add(str(exc))
                known = model.OpPayload("import", op_name(template.op_class))
            self._payloads[id(template.op_class)] = known
        return known

    def _pod(self, template: ScriptOPTemplate) -> model.Pod:
        return model.Pod(
            image=template.image,
            command=tuple(str(word) for word in template.command or ()),
            env=tuple((str(n), str(v)) for n, v in template.envs.items() if not isinstance(v, Secret)),
            timeout=seconds_value(template.timeout, self._problems),
            retry=retry_of(template, self._problems),
            kubernetes=_kubernetes(template),
            secret_env=self.secrets.of(template.envs),
            progress=self._progress(template.init_progress),
        )

    def _isolation(self, given: str | None) -> str | None:
        if given is not None and given not in _ISOLATIONS:
            names = ", ".join(map(repr, _ISOLATIONS))
            self._problems.add(f"isolation is {given!r}; it must be one of {names} ('inline' is for whole runs)")
        return given

    def _progress(self, given: str) -> str | None:
        if not re.fullmatch(r"[0-9]+/[1-9][0-9]*", str(given)):
            self._problems.add(f"init_progress is {given!r}; it must be like '0/100'")
        return None if given == "0/1" else str(given)


def _helper_pod(step: Step) -> str | None:
    """What a step says of the pods that help it on a cluster."""
    command = step.util_command
    values = {
        "image": step.util_image,
        "image_pull_policy": step.util_image_pull_policy,
        "command": [command] if isinstance(command, str) else command,
    }
    values = {name: value for name, value in values.items() if value}
    return as_json(values) if values else None


def _calls_of(template: OPTemplate) -> list[Step]:
    """The steps of a template, with their hooks."""
    if isinstance(template, Steps):
        steps = [step for group in template.steps for step in (group if isinstance(group, list) else [group])]
    else:
        steps = list(template.tasks) if isinstance(template, DAG) else []
    hooks = [getattr(step, argument) for step in steps for argument, _ in HOOKS.values()]
    return steps + [hook for hook in hooks if isinstance(hook, HookStep)]


def hook_expression(given: Any) -> str:
    """The text of a hook's expression, from an expression object or a text with or without braces."""
    text = given.expr if isinstance(given, ArgoVar) else str(given).strip()
    return text[3:-2] if text.startswith("{{=") and text.endswith("}}") else text


def _kubernetes(template: OPTemplate, names: Iterable[str] = _FOR_KUBERNETES) -> str | None:
    values = {name: value for name in names if (value := getattr(template, name, None))}
    return as_json(values) if values else None
