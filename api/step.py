"""A step: a template with arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict

from dflow import building
from dflow.engine.errors import WrongName, WrongType
from dflow.io import Inputs, Outputs
from dflow.loops import (
    ArgoConcat,
    ArgoEnumerate,
    ArgoLen,
    ArgoRange,
    ArgoSequence,
    ArgoSum,
    argo_concat,
    argo_enumerate,
    argo_len,
    argo_range,
    argo_sequence,
    argo_sum,
)
from dflow.names import by_name, check_step_name
from dflow.shown import Described
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.op_template import OPTemplate

__all__ = [
    "ArgoConcat",
    "ArgoEnumerate",
    "ArgoLen",
    "ArgoRange",
    "ArgoSequence",
    "ArgoSum",
    "HookStep",
    "Step",
    "argo_concat",
    "argo_enumerate",
    "argo_len",
    "argo_range",
    "argo_sequence",
    "argo_sum",
    "slices_of",
]


def slices_of(step: Step) -> Any:
    """The slices of a step: its own, or those of its template."""
    found = step.slices if step.slices is not None else getattr(step.template, "slices", None)
    adjusted = getattr(step.template, "adjusted_slices", None)
    return found if found is None or adjusted is None else adjusted(found)


HOOKS = {
    "success": ("success_hook", ("Succeeded",)),
    "running": ("running_hook", ("Running",)),
    "failure": ("failure_hook", ("Failed", "Error")),
}
"""Name of a hook → the argument that sets it, and the phases of the step at which it runs."""


class Step(Described):
    """One use of a template in ``Steps``.

    Args:
        name: letters, digits and ``-``.
        template: what to run.
        parameters: values or references by name.
        artifacts: artifacts by name, uploaded or outputs of other steps; an element of one (``artifact[0]``), or a
            list or dict of several.
        when: run only if this text, such as ``"%s < 3" % par``, or expression, is true.
        key: a name to find the step by; it may hold references.
        with_param: a list, a parameter that holds one, or ``argo_range(...)``: one copy of the step for each item,
            which is ``"{{item}}"`` in its arguments and its key.
        with_sequence: likewise, over the numbers of ``argo_sequence(...)``.
        parallelism: how many copies may run at once.
        continue_on_failed, continue_on_error: go on when this step fails.
        continue_on_num_success, continue_on_success_ratio: go on when so many copies, or this part, succeed.
        success_hook, running_hook, failure_hook: a :class:`HookStep` that runs when this one succeeds, starts, fails.
        timeout: seconds.
        isolation: as for :class:`PythonOPTemplate`, for this step.
    """

    _prefix = "steps"
    _what = "step"
    _is_collected = True

    @called_by_users
    def __init__(
        self,
        name: str,
        template: OPTemplate,
        parameters: Dict[str, Any] | None = None,
        artifacts: Dict[str, Any] | None = None,
        when: Any = None,
        with_param: Any = None,
        continue_on_failed: bool = False,
        continue_on_error: bool = False,
        continue_on_num_success: int | None = None,
        continue_on_success_ratio: float | None = None,
        with_sequence: Any = None,
        key: Any = None,
        executor: Any = None,
        use_resource: Any = None,
        util_image: str | None = None,
        util_image_pull_policy: str | None = None,
        util_command: Any = None,
        parallelism: int | None = None,
        slices: Any = None,
        success_hook: Any = None,
        running_hook: Any = None,
        failure_hook: Any = None,
        timeout: Any = None,
        isolation: str | None = None,
    ) -> None:
        self.name = check_step_name(name, self._what)
        self.template = self._checked_template(template)
        self.parameters = self._checked_names(parameters, template.inputs.parameters, "parameter")
        self.artifacts = self._checked_names(artifacts, template.inputs.artifacts, "artifact")
        self.when = when
        self.with_param = with_param
        self.continue_on_failed = continue_on_failed
        self.continue_on_error = continue_on_error
        self.continue_on_num_success = continue_on_num_success
        self.continue_on_success_ratio = continue_on_success_ratio
        self.with_sequence = with_sequence
        self.key = key
        self.executor = executor
        self.use_resource = use_resource
        self.util_image = util_image
        self.util_image_pull_policy = util_image_pull_policy
        self.util_command = util_command
        self.parallelism = parallelism
        self.slices = slices
        self.success_hook = success_hook
        self.running_hook = running_hook
        self.failure_hook = failure_hook
        self.timeout = timeout
        self.isolation = isolation
        self.inputs = Inputs(step=self)
        self.outputs = Outputs(step=self)
        self._take_declarations()
        if self._is_collected:
            building.collect(self)

    def _checked_template(self, template: Any) -> OPTemplate:
        from dflow.op_template import OPTemplate

        if isinstance(template, OPTemplate):
            return template
        raise WrongType(
            f"{self._what} {self.name!r}: {template!r} is no template; put PythonOPTemplate(...) around a Python OP"
        )

    def _checked_names(self, given: Dict[str, Any] | None, declared: Any, what: str) -> Dict[str, Any]:
        given = by_name(given, f"{self._what} {self.name!r}: {what}s")
        for name in given:
            if name not in declared.data and not self._is_growing():
                raise WrongName(f"{self._what} {self.name!r}: {self._unknown(str(name), declared.data, what)}")
        return given

    def _unknown(self, name: str, declared: Dict[str, Any], what: str) -> str:
        from dflow.engine.near import near_or_all

        return f"the template {self.template._shown_name()!r} has no input {what} {name!r}{near_or_all(name, declared)}"

    def _take_declarations(self) -> None:
        """Inputs and outputs that the template has now; what it gains later is found when it is asked for."""
        for mine, declared in ((self.inputs, self.template.inputs), (self.outputs, self.template.outputs)):
            mine.parameters.data.update({name: item.bound(self) for name, item in declared.parameters.data.items()})
            mine.artifacts.data.update({name: item.bound(self) for name, item in declared.artifacts.data.items()})
        self._show_given()

    def _show_given(self) -> None:
        for name, value in self.parameters.items():
            if name in self.inputs.parameters.data:
                self.inputs.parameters.data[name].value = value
        for name, value in self.artifacts.items():
            if name in self.inputs.artifacts.data:
                self.inputs.artifacts.data[name].source = value

    @called_by_users
    def set_parameters(self, parameters: Dict[str, Any]) -> None:
        """Give it more parameters, or others.

        Raises:
            WrongName: the template has no such input.
        """
        self.parameters.update(self._checked_names(parameters, self.template.inputs.parameters, "parameter"))
        self._show_given()

    @called_by_users
    def set_artifacts(self, artifacts: Dict[str, Any]) -> None:
        """As :meth:`set_parameters`."""
        self.artifacts.update(self._checked_names(artifacts, self.template.inputs.artifacts, "artifact"))
        self._show_given()

    def _is_growing(self) -> bool:
        """A Steps or DAG that is still being built (recursion) may declare its inputs later."""
        return hasattr(self.template, "add")

    @property
    def is_loop(self) -> bool:
        """Whether it stands for one copy for each item of a list."""
        return self.with_param is not None or self.with_sequence is not None or slices_of(self) is not None

    @called_by_users
    def convert_to_graph(self) -> Dict[str, Any]:
        """It as plain data, as it stands in the JSON of a graph; its template is named only.

        Raises:
            CompileError: lists what cannot be read.
        """
        from dflow.pieces.graphs import of_call

        return of_call(self)

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any, templates: Any) -> Any:
        """What :meth:`convert_to_graph` turned into data.

        Args:
            templates: the template that it calls, by name or in a list of them.
        """
        from dflow.pieces.graphs import to_call

        return to_call(cls, graph, templates)

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any, templates: Any) -> Any:
        """It from its piece of an Argo manifest; ``templates`` as for :meth:`from_graph`.

        Raises:
            CompileError: lists the fields that are wrong.
            UnsupportedError: it says something that the API has no words for.
        """
        from dflow.pieces.manifests import to_call

        return to_call(cls, d, templates)

    @called_by_users
    def run(self, scope: Any, context: Any = None, order: Any = None) -> Any:
        """Run it alone, as a workflow of its own on this machine, and wait; the workflow.

        Args:
            scope: the Steps or DAG that it is in; arguments may mention inputs of that which have values.
            order: no effect.

        Raises:
            CompileError: an argument is the output of another step, which does not run.
            StepFailed: it has not succeeded.
        """
        from dflow.pieces.running import run_call

        return run_call(self, scope, context)

    @property
    def id(self) -> str:
        """The name."""
        return self.name

    @property
    def expr(self) -> str:
        """The reference as an expression: ``steps['name']``."""
        return f"{self._prefix}['{self.name}']"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name


class HookStep(Step):
    """What a step's ``success_hook``, ``running_hook`` or ``failure_hook`` runs.

    Args:
        template: what to run.
        expression: an expression that decides instead of the step's phase.
        kwargs: as for :class:`Step`, without ``name``.
    """

    _is_collected = False

    @called_by_users
    def __init__(self, template: OPTemplate, expression: Any = None, **kwargs: Any) -> None:
        super().__init__(kwargs.pop("name", "hook"), template, **kwargs)
        self.expression = expression
