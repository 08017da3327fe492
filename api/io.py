"""Parameters, artifacts, and the expressions made from them.

``str(parameter)`` is its reference, ``{{steps.train.outputs.parameters.loss}}``, so parameters can be formatted into
texts; operators make expressions (``par < 3``, ``par + 1``), whose text is ``{{=…}}``; see :mod:`dflow.expression`.
"""

from __future__ import annotations

from collections import UserDict
from typing import TYPE_CHECKING, Any, Dict, Tuple, Union

from dflow.expression import MISSING, ArgoVar, Expression, IfExpression, if_expression, type_to_str

if TYPE_CHECKING:
    from dflow.op_template import OPTemplate
    from dflow.step import Step

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


class _Named(ArgoVar):
    """What parameters and artifacts share: a name, and whose they are."""

    _side = ""

    def __init__(self, name: str | None, step: Step | None, template: OPTemplate | None) -> None:
        super().__init__()
        self.name = name
        self.step = step
        self.template = template

    def __bool__(self) -> bool:
        return True

    def _root(self) -> str | None:
        return None if self.step is None else self.step._prefix

    @property
    def expr(self) -> str:
        """The reference as an expression: ``steps['a'].outputs.parameters['x']``."""
        own = f"{self._side}['{self.name}']"
        if self.step is None:
            return own
        return f"{self._root()}['{self.step.name}'].{own}"

    def __str__(self) -> str:
        own = f"{self._side}.{self.name}"
        if self.step is None:
            return "{{" + own + "}}"
        return "{{" + f"{self._root()}.{self.step.name}.{own}" + "}}"

    def bound(self, step: Step) -> Any:
        """The same parameter or artifact, as that of a step."""
        twin = self.__class__.__new__(self.__class__)
        twin.__dict__.update(self.__dict__)
        twin.step = step
        return twin


class _Parameter(_Named):
    """What input and output parameters share."""

    type: Any = None

    @property
    def declared_type(self) -> Any:
        """The type of the value here: of a step that loops, an output is the list of what its copies give."""
        looped = self.step is not None and self.step.is_loop
        return list if looped and isinstance(self, OutputParameter) else self.type

    def _kind(self) -> str | None:
        if self.declared_type is not self.type:
            return None
        kind = self.type if isinstance(self.type, str) else getattr(self.type, "__name__", None)
        return {"int": "number", "float": "number", "bool": "bool", "str": "str"}.get(str(kind))


class InputParameter(_Parameter):
    """An input parameter of a template.

    Args:
        type: its type; None means text.
        value: the default; without one, every step must give a value.
        save_as_artifact: it may be large: kept in a file and out of lists.
        path: a file that a script finds the value in.
        source: an artifact whose content is the value.
    """

    _side = "inputs.parameters"

    def __init__(
        self,
        name: str | None = None,
        step: Any = None,
        template: Any = None,
        type: Any = None,
        save_as_artifact: bool = False,
        path: str | None = None,
        source: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, step, template)
        self.type = type
        self.save_as_artifact = save_as_artifact
        self.path = path
        self.source = source
        if "default" in kwargs:
            kwargs.setdefault("value", kwargs.pop("default"))
        self.value: Any = kwargs.pop("value", MISSING)
        self.description = kwargs.pop("description", None)
        self.__dict__.update(kwargs)


class OutputParameter(_Parameter):
    """An output parameter of a template.

    Args:
        value_from_path: the file that a script writes.
        value_from_parameter: the parameter of a step inside that it is taken from (Steps, DAG).
        value_from_expression: likewise, but an expression, such as :func:`if_expression` makes.
        global_name: also an output of the whole workflow, under this name.
        default: used when the step is skipped or the source cannot be resolved.
    """

    _side = "outputs.parameters"

    def __init__(
        self,
        value_from_path: str | None = None,
        value_from_parameter: Any = None,
        name: str | None = None,
        step: Any = None,
        template: Any = None,
        type: Any = None,
        global_name: str | None = None,
        value_from_expression: Any = None,
        save_as_artifact: bool = False,
        save_both: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, step, template)
        self.value_from_path = value_from_path
        self.value_from_parameter = value_from_parameter
        self.value_from_expression = value_from_expression
        self.type = type
        self.global_name = global_name
        self.save_as_artifact = save_as_artifact
        self.save_both = save_both
        self.default: Any = kwargs.pop("default", MISSING)
        self.description = kwargs.pop("description", None)
        self.__dict__.update(kwargs)


class InputArtifact(_Named):
    """An input artifact of a template.

    Args:
        path: where the program finds it.
        optional: steps may leave it out.
        source: used when a step gives none.
        sub_path: the part of the artifact that is meant.
    """

    _side = "inputs.artifacts"

    def __init__(
        self,
        path: str | None = None,
        name: str | None = None,
        step: Any = None,
        template: Any = None,
        optional: bool = False,
        type: Any = None,
        source: Any = None,
        mode: int | None = None,
        sub_path: str | None = None,
        archive: str | None = "default",
        save_as_parameter: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, step, template)
        self.path = path
        self.optional = optional
        self.type = type
        self.source = source
        self.mode = mode
        self._sub_path = sub_path
        self.archive = archive
        self.save_as_parameter = save_as_parameter
        self.__dict__.update(kwargs)

    def sub_path(self, path: str) -> InputArtifact:
        """The part ``path`` of this artifact."""
        part: InputArtifact = _part(self, path)
        return part


class OutputArtifact(_Named):
    """An output artifact of a template.

    Args:
        path: what the program makes.
        _from: the artifact of a step inside that it is (Steps, DAG).
        from_expression: likewise, but chosen by an expression.
        optional: it is no error when the program does not make it.
    """

    _side = "outputs.artifacts"

    def __init__(
        self,
        path: str | None = None,
        _from: Any = None,
        name: str | None = None,
        step: Any = None,
        template: Any = None,
        type: Any = None,
        save: Any = None,
        archive: str | None = "default",
        global_name: str | None = None,
        from_expression: Any = None,
        optional: bool = False,
    ) -> None:
        super().__init__(name, step, template)
        self.path = path
        self._from = _from
        self.type = type
        self.save = save
        self.archive = archive
        self.global_name = global_name
        self.from_expression = from_expression
        self.optional = optional
        self._sub_path: str | None = None

    def sub_path(self, path: str) -> OutputArtifact:
        """The part ``path`` of this artifact."""
        part: OutputArtifact = _part(self, path)
        return part


def _part(artifact: Any, path: str) -> Any:
    twin = artifact.bound(artifact.step)
    twin._sub_path = f"{artifact._sub_path}/{path}" if artifact._sub_path else str(path)
    return twin


class PVC:
    """A persistent volume claim that an artifact is kept in; for clusters only."""

    def __init__(
        self, name: str, subpath: str, size: str = "1Gi", storage_class: str | None = None, access_modes: Any = None
    ) -> None:
        self.name = name
        self.subpath = subpath
        self.size = size
        self.storage_class = storage_class
        self.access_modes = ["ReadWriteOnce"] if access_modes is None else access_modes


_Item = Union[InputParameter, OutputParameter, InputArtifact, OutputArtifact]


class AutonamedDict(UserDict):  # type: ignore[type-arg]
    """A dict whose values learn their key as their name, and whose they are."""

    _accepts: Tuple[Any, ...] = (ArgoVar,)
    _what = "a parameter or artifact"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.step: Any = None
        self.template: Any = None
        self._sibling: AutonamedDict | None = None
        super().__init__(*args, **kwargs)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(value, self._accepts):
            if self._sibling is None or not isinstance(value, self._sibling._accepts):
                raise TypeError(f"{key!r} must be {self._what}, not {value!r}")
            self._sibling[key] = value
            return
        if value.step is not None or value.template is not None:
            value = value.bound(None)
        value.name = key
        value.step = self.step
        value.template = self.template
        super().__setitem__(key, value)

    def __missing__(self, key: str) -> Any:
        """What the template gained after the step was made; or what was declared on the other side."""
        if self.step is not None:
            declared = self._declared()
            if key in declared.data:
                self.data[key] = item = declared.data[key].bound(self.step)
                return item
        if self._sibling is not None and key in self._sibling.data:
            return self._sibling.data[key]
        raise KeyError(key)

    def _declared(self) -> AutonamedDict:
        raise NotImplementedError

    def own(self, step: Any, template: Any) -> None:
        """Say whose parameters or artifacts these are."""
        self.step, self.template = step, template
        for item in self.data.values():
            item.step, item.template = step, template


class InputParameters(AutonamedDict):
    """Input parameters by name."""

    _accepts = (InputParameter,)
    _what = "an InputParameter"

    def _declared(self) -> AutonamedDict:
        return self.step.template.inputs.parameters  # type: ignore[no-any-return]


class InputArtifacts(AutonamedDict):
    """Input artifacts by name."""

    _accepts = (InputArtifact,)
    _what = "an InputArtifact"

    def _declared(self) -> AutonamedDict:
        return self.step.template.inputs.artifacts  # type: ignore[no-any-return]


class OutputParameters(AutonamedDict):
    """Output parameters by name. An artifact that is put here goes to its place."""

    _accepts = (OutputParameter,)
    _what = "an OutputParameter"

    def _declared(self) -> AutonamedDict:
        return self.step.template.outputs.parameters  # type: ignore[no-any-return]


class OutputArtifacts(AutonamedDict):
    """Output artifacts by name."""

    _accepts = (OutputArtifact,)
    _what = "an OutputArtifact"

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
        self._parameters.update(parameters or {})
        self._artifacts.update(artifacts or {})

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


def _replace(target: AutonamedDict, values: Any) -> None:
    """Put new content in place of the old, unless all of it belongs to the other side."""
    values = dict(values or {})
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
