"""Parameters, artifacts, and the expressions made from them.

``str(parameter)`` is its reference, ``{{steps.train.outputs.parameters.loss}}``, so parameters can be formatted into
texts; operators make expressions (``par < 3``, ``par + 1``), whose text is ``{{=…}}``; see :mod:`dflow.expression`.
"""

from __future__ import annotations

from collections import UserDict
from typing import Any, Dict, Tuple

from dflow.declared import PVC, InputArtifact, InputParameter, OutputArtifact, OutputParameter
from dflow.engine.errors import WrongName, WrongType
from dflow.expression import (
    MISSING,  # noqa: F401 - older code takes it from here
    ArgoVar,
    Expression,
    IfExpression,
    if_expression,
    type_to_str,
)
from dflow.names import by_name
from dflow.tracebacks import called_by_users

__all__ = [
    "PVC",
    "ArgoVar",
    "AutonamedDict",
    "Expression",
    "IfExpression",
    "InputArtifact",
    "InputArtifacts",
    "InputParameter",
    "InputParameters",
    "Inputs",
    "OutputArtifact",
    "OutputArtifacts",
    "OutputParameter",
    "OutputParameters",
    "Outputs",
    "if_expression",
    "type_to_str",
]


class AutonamedDict(UserDict):  # type: ignore[type-arg]
    """A dict whose values learn their key as their name, and whose they are."""

    _accepts: Tuple[Any, ...] = (ArgoVar,)
    _what = "a parameter or artifact"
    _called = "parameter or artifact"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.step: Any = None
        self.template: Any = None
        self._sibling: AutonamedDict | None = None
        super().__init__(*args, **kwargs)

    @called_by_users
    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(value, self._accepts):
            if self._sibling is None or not isinstance(value, self._sibling._accepts):
                raise WrongType(f"{key!r} must be {self._what}, not {value!r}")
            self._sibling[key] = value
            return
        if value.step is not None or value.template is not None:
            value = value.bound(None)
        value.name = key
        value.step = self.step
        value.template = self.template
        super().__setitem__(key, value)

    @called_by_users
    def __getitem__(self, key: str) -> Any:
        return self.data[key] if key in self.data else self.__missing__(key)

    def __missing__(self, key: str) -> Any:
        """What the template gained after the step was made; or what was declared on the other side."""
        if self.step is not None:
            declared = self._declared()
            if key in declared.data:
                self.data[key] = item = declared.data[key].bound(self.step)
                return item
        if self._sibling is not None and key in self._sibling.data:
            return self._sibling.data[key]
        raise WrongName(self._unknown(str(key)))

    def _unknown(self, key: str) -> str:
        from dflow.engine.near import near_or_all

        known = list(self._declared().data) if self.step is not None else list(self.data)
        owner = self.step if self.step is not None else self.template
        shown = owner._shown_name() if hasattr(owner, "_shown_name") else getattr(owner, "name", None)
        whose = "" if shown is None else f"{getattr(owner, '_what', 'template')} {shown!r}: "
        return f"{whose}there is no {self._called} {key!r}{near_or_all(key, known)}"

    def _declared(self) -> AutonamedDict:
        raise NotImplementedError

    @called_by_users
    def convert_to_graph(self) -> Dict[str, Any]:
        """Plain data of each value, by name; see :meth:`InputParameter.convert_to_graph`."""
        return {name: item.convert_to_graph() for name, item in self.data.items()}

    def own(self, step: Any, template: Any) -> None:
        """Say whose parameters or artifacts these are."""
        self.step, self.template = step, template
        for item in self.data.values():
            item.step, item.template = step, template


class InputParameters(AutonamedDict):
    """Input parameters by name."""

    _accepts = (InputParameter,)
    _what = "an InputParameter"
    _called = "input parameter"

    def _declared(self) -> AutonamedDict:
        return self.step.template.inputs.parameters  # type: ignore[no-any-return]


class InputArtifacts(AutonamedDict):
    """Input artifacts by name."""

    _accepts = (InputArtifact,)
    _what = "an InputArtifact"
    _called = "input artifact"

    def _declared(self) -> AutonamedDict:
        return self.step.template.inputs.artifacts  # type: ignore[no-any-return]


class OutputParameters(AutonamedDict):
    """Output parameters by name. An artifact that is put here goes to its place."""

    _accepts = (OutputParameter,)
    _what = "an OutputParameter"
    _called = "output parameter"

    def _declared(self) -> AutonamedDict:
        return self.step.template.outputs.parameters  # type: ignore[no-any-return]


class OutputArtifacts(AutonamedDict):
    """Output artifacts by name."""

    _accepts = (OutputArtifact,)
    _what = "an OutputArtifact"
    _called = "output artifact"

    def _declared(self) -> AutonamedDict:
        return self.step.template.outputs.artifacts  # type: ignore[no-any-return]


class _Side:
    """Inputs or outputs of a template or of a step."""

    _parameters_class = AutonamedDict
    _artifacts_class = AutonamedDict

    def __init__(
        self,
        parameters: Dict[str, Any] | None = None,
        artifacts: Dict[str, Any] | None = None,
        step: Any = None,
        template: Any = None,
    ) -> None:
        self._parameters = self._parameters_class()
        self._artifacts = self._artifacts_class()
        self._parameters._sibling, self._artifacts._sibling = self._artifacts, self._parameters
        self.own(step, template)
        self._parameters.update(by_name(parameters, "parameters"))
        self._artifacts.update(by_name(artifacts, "artifacts"))

    def own(self, step: Any, template: Any) -> None:
        """Say whose inputs or outputs these are."""
        self.step, self.template = step, template
        self._parameters.own(step, template)
        self._artifacts.own(step, template)

    @property
    def parameters(self) -> Any:
        """Parameters by name."""
        return self._parameters

    @parameters.setter
    def parameters(self, values: Any) -> None:
        _replace(self._parameters, values)

    @property
    def artifacts(self) -> Any:
        """Artifacts by name."""
        return self._artifacts

    @artifacts.setter
    def artifacts(self, values: Any) -> None:
        _replace(self._artifacts, values)

    @called_by_users
    def convert_to_graph(self) -> Dict[str, Any]:
        """It as plain data, as it stands in the JSON of a graph.

        Raises:
            CompileError: lists what cannot be read.
        """
        from dflow.pieces.graphs import of_side

        return of_side(self, is_input=isinstance(self, Inputs))

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any) -> Any:
        """What :meth:`convert_to_graph` turned into data."""
        from dflow.pieces.graphs import to_side

        return to_side(cls, graph)

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any) -> Any:
        """It from its piece of an Argo manifest, ``{"parameters": […], "artifacts": […]}``.

        Raises:
            CompileError: lists the fields that are wrong.
        """
        from dflow.pieces.manifests import to_side

        return to_side(cls, d)


def _replace(target: AutonamedDict, values: Any) -> None:
    """Put new content in place of the old, unless all of it belongs to the other side."""
    values = by_name(values, f"{target._called}s")
    if not values or any(isinstance(value, target._accepts) for value in values.values()):
        target.data.clear()
    target.update(values)


class Inputs(_Side):
    """Inputs of a template: ``parameters`` and ``artifacts``, dicts by name."""

    _parameters_class = InputParameters
    _artifacts_class = InputArtifacts


class Outputs(_Side):
    """Outputs of a template: ``parameters`` and ``artifacts``, dicts by name."""

    _parameters_class = OutputParameters
    _artifacts_class = OutputArtifacts
