"""What executors and contexts make of templates, before these are compiled.

An executor that the engine knows leaves the template alone and is named in the call. Any other one is asked for another
template; of a Python OP it is shown a script that runs the OP, with all that it needs in its text.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from dflow.compile.op_scripts import script_of
from dflow.compile.resources import resource_template
from dflow.engine.errors import DflowError
from dflow.engine.model import ExecutorSpec
from dflow.io import Inputs, Outputs
from dflow.op_template import OPTemplate, ScriptOPTemplate
from dflow.outside import CustomArtifact
from dflow.python.python_op_template import PythonOPTemplate
from dflow.step import slices_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.compile.problems import Problems
    from dflow.step import Step

__all__ = ["Rendering", "base_name", "concrete"]


class Rendering:
    """Renders the templates of steps, each pair of a template and an executor once.

    Where a graph is for a cluster, an executor of the engine is asked as well: the engine is not there. One that gives
    its template back as it got it has nothing to say of a cluster, and stays named in the call.
    """

    def __init__(self, problems: Problems, context: Any = None, *, on_cluster: bool = False) -> None:
        self._problems, self._context, self._on_cluster = problems, context, on_cluster
        self._made: dict[tuple[Any, ...], tuple[OPTemplate, ExecutorSpec | None]] = {}
        self._in_context: dict[int, OPTemplate] = {}
        self._kept: list[Any] = []
        self._specs: dict[int, ExecutorSpec | None] = {}

    def of(self, step: Step) -> OPTemplate:
        """The template that a step runs."""
        if _is_script(step.template):
            return self._of(step)[0]
        for argument, given in (("an executor", step.executor), ("use_resource", step.use_resource)):
            if given is not None:
                with self._problems.at(f"{step._what} {step.name!r}"):
                    self._problems.add(
                        f"{argument} is for a step with a script or a Python OP; give it to the steps inside"
                    )
        return step.template

    def spec_of(self, step: Step) -> ExecutorSpec | None:
        """The executor of a step, where the engine knows it and is to use it."""
        return self._of(step)[1] if _is_script(step.template) else None

    def _of(self, step: Step) -> tuple[OPTemplate, ExecutorSpec | None]:
        is_sliced = self._on_cluster and _slices_artifacts(step)
        customs = self.customs_of(step)
        own = tuple((name, id(given)) for name, given in customs.items())
        key = (id(step.template), id(step.executor), id(step.use_resource), is_sliced, own)
        if key not in self._made:
            self._kept.append((step.template, step.executor, step.use_resource, customs))
            with self._problems.at(f"{step._what} {step.name!r}"):
                if step.use_resource is None:
                    template = self._with_customs(step, customs) if customs else step.template
                    self._made[key] = self._make(template, step.executor, is_sliced=is_sliced)
                else:
                    self._made[key] = self._by_resource(step), None
        return self._made[key]

    def customs_of(self, step: Step) -> dict[str, CustomArtifact]:
        """The artifacts that change the template of a step on a cluster, by the names of the inputs that they are."""
        if not self._on_cluster or not _is_script(step.template):
            return {}
        return {name: given for name, given in step.artifacts.items() if _renders(given)}

    def _with_customs(self, step: Step, customs: dict[str, CustomArtifact]) -> OPTemplate:
        """What artifacts make of a template. They have its program find them, so they are no inputs of it."""
        if step.use_resource is not None or _slices_artifacts(step):
            self._problems.add("an artifact whose class has render() cannot go to a step with slices of artifacts")
            return step.template
        template: Any = step.template
        self._kept.append(made := concrete(template, self._problems.add))
        for name, given in customs.items():
            who = f"{type(given).__name__}.render"
            try:
                new = given.render(made, name)
            except (TypeError, ValueError, DflowError) as exc:
                self._problems.add(f"{who}: {exc}")
                return step.template
            if not isinstance(new, ScriptOPTemplate):
                self._problems.add(f"{who} returned {new!r}, which is no template with a program")
                return step.template
            self._kept.append(made := new)
        _leave_open(made, template)
        for name in customs:
            made.inputs.artifacts.data.pop(name, None)
        return made

    def _make(self, template: Any, executor: Any, *, is_sliced: bool) -> tuple[OPTemplate, ExecutorSpec | None]:
        """The template that is run, and the executor that the engine runs it with."""
        made = self._by_context(template)
        spec = self._spec(executor)
        if executor is None or (spec is not None and not self._on_cluster):
            return made, spec
        new = self._rendered(template, made, executor, is_direct=spec is not None, is_sliced=is_sliced)
        return (made, spec) if new is None else (new, None)

    def _by_resource(self, step: Step) -> OPTemplate:
        """A template whose steps are completed by an object of a cluster."""
        if step.executor is not None:
            self._problems.add("a step has an executor or use_resource, not both")
        template: Any = step.template
        shown = concrete(self._by_context(template), self._problems.add)
        try:
            return resource_template(shown, step.use_resource)
        except (TypeError, ValueError, DflowError) as exc:
            self._problems.add(f"use_resource: {exc}")
            return step.template

    def _by_context(self, template: ScriptOPTemplate) -> Any:
        if self._context is None:
            return template
        if id(template) not in self._in_context:
            self._in_context[id(template)] = self._rendered(template, template, self._context) or template
        return self._in_context[id(template)]

    def _spec(self, executor: Any) -> ExecutorSpec | None:
        direct = getattr(executor, "direct", None)
        if direct is None:
            return None
        if id(executor) not in self._specs:
            self._specs[id(executor)] = None
            try:
                found = direct()
                if found is not None:
                    self._specs[id(executor)] = ExecutorSpec(found[0], json.dumps(found[1], sort_keys=True))
            except (TypeError, ValueError, DflowError) as exc:
                self._problems.add(f"executor: {exc}")
        return self._specs[id(executor)]

    def _rendered(
        self, template: Any, made: Any, renderer: Any, *, is_direct: bool = False, is_sliced: bool = False
    ) -> OPTemplate | None:
        """What a context or an executor makes of what was made of a template so far.

        Args:
            is_direct: the engine knows the executor, so it may have nothing to say: None then.
            is_sliced: as in :func:`concrete`.
        """
        if not callable(getattr(renderer, "render", None)) and not callable(getattr(renderer, "get_script", None)):
            self._problems.add(f"{renderer!r} is no executor: it has no method render(template)")
            return template  # type: ignore[no-any-return]
        mishaps: list[str] = []
        shown = concrete(made, mishaps.append, is_sliced=is_sliced)
        before = _state(shown) if is_direct else None
        try:
            new = _render(renderer, shown)
        except (TypeError, ValueError, DflowError) as exc:
            self._problems.add(f"{type(renderer).__name__}.render: {exc}")
            return template  # type: ignore[no-any-return]
        if is_direct and new is shown and _is_same(before, _state(new)):
            return None
        for text in mishaps:
            self._problems.add(text)
        if not isinstance(new, OPTemplate):
            self._problems.add(f"{type(renderer).__name__}.render returned {new!r}, which is no template")
            return template  # type: ignore[no-any-return]
        for side in ("inputs", "outputs"):
            self._check(template, new, side, type(renderer).__name__)
        _leave_open(shown, made)
        return new

    def _check(self, old: OPTemplate, new: OPTemplate, side: str, who: str) -> None:
        """What others refer to must still be there."""
        for kind in ("parameters", "artifacts"):
            missing = set(getattr(getattr(old, side), kind)) - set(getattr(getattr(new, side), kind))
            if missing:
                names = ", ".join(map(repr, sorted(missing)))
                self._problems.add(f"the template that {who}.render returned lacks the {side[:-1]} {kind} {names}")


def _slices_artifacts(step: Step) -> bool:
    """Whether the copies of a step get several elements, or artifacts are taken apart for them or put together."""
    slices = slices_of(step)
    return slices is not None and bool(slices.input_artifact or slices.output_artifact or slices.group_size)


def _renders(given: Any) -> bool:
    """Whether an artifact is of a class that says what it does to a template."""
    is_custom = isinstance(given, CustomArtifact) and given.redirect is None
    return is_custom and type(given).render is not CustomArtifact.render


def _is_script(template: OPTemplate) -> bool:
    """Whether an executor can have a say in how a template is run."""
    return isinstance(template, ScriptOPTemplate) and template.resource is None


def _render(renderer: Any, template: Any) -> Any:
    """What an executor makes of a template; one of the first version has ``get_script`` instead of ``render``."""
    if callable(getattr(renderer, "render", None)):
        return renderer.render(template)
    template.script = renderer.get_script(template.command, template.script)
    template.image = getattr(renderer, "image", None) or template.image
    template.command = getattr(renderer, "command", None) or template.command
    return template


def _state(template: ScriptOPTemplate) -> dict[str, Any]:
    """What a template says, to see whether it was changed."""
    ports = {
        f"{side} {kind}": [(name, dict(vars(port))) for name, port in getattr(getattr(template, side), kind).items()]
        for side in ("inputs", "outputs")
        for kind in ("parameters", "artifacts")
    }
    fields = {name: value for name, value in vars(template).items() if name not in ("inputs", "outputs")}
    return {**ports, **{name: copy.copy(v) if isinstance(v, (list, dict)) else v for name, v in fields.items()}}


def _is_same(one: Any, other: Any) -> bool:
    """Whether two states say the same. Comparing references is no question, it makes an expression."""
    if isinstance(one, (str, int, float)):
        return type(one) is type(other) and bool(one == other)
    if isinstance(one, dict):
        return isinstance(other, dict) and [*one] == [*other] and all(_is_same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(_is_same, one, other))
    return one is other


def concrete(
    template: ScriptOPTemplate, complain: Callable[[str], None], *, is_sliced: bool = False
) -> ScriptOPTemplate:
    """A copy of a template that may be changed; of a Python OP, the script that runs it.

    Args:
        complain: is told of an OP that cannot travel.
        is_sliced: the script of an OP takes artifacts apart, and makes its part of others, as it is told by inputs.
    """
    if not isinstance(template, PythonOPTemplate):
        made = copy.copy(template)
        for name, value in vars(template).items():
            if isinstance(value, (list, dict)):
                setattr(made, name, copy.copy(value))
        _name_for_good(made, template)
        made.inputs = Inputs(dict(template.inputs.parameters.data), dict(template.inputs.artifacts.data), template=made)
        made.outputs = Outputs(
            dict(template.outputs.parameters.data), dict(template.outputs.artifacts.data), template=made
        )
        if not made.command:
            made.command = _usual(made)
        return made
    scripted = script_of(template, complain, is_sliced=is_sliced)
    _name_for_good(scripted, template)
    return scripted


def _usual(template: ScriptOPTemplate) -> list[str] | None:
    """What runs the script of a template that does not say it; None where there is no script."""
    return None if template.script is None else ["python3" if template.language == "python" else "sh"]


def _leave_open(made: Any, template: ScriptOPTemplate) -> None:
    """Where nobody has said what runs a script, let the engine choose: its own interpreter is the better Python."""
    is_open = not template.command and not isinstance(template, PythonOPTemplate)
    if is_open and made.language == template.language and made.command == _usual(made):
        made.command = template.command


def _name_for_good(made: OPTemplate, template: OPTemplate) -> None:
    """The name of a template, without the letters by chance of one that the user gave none."""
    made.name = template.name if template._named else base_name(template)
    made._named = template._named


def base_name(template: OPTemplate) -> str:
    """The name of a template that the user gave none."""
    return template._base_name()
