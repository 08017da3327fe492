"""Parameters and artifacts, as templates declare them and as steps have them; see :mod:`dflow.io`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow.engine.errors import WrongAttribute, WrongType
from dflow.expression import ArgoVar
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.op_template import OPTemplate
    from dflow.step import Step

__all__ = ["PVC", "InputArtifact", "InputParameter", "Named", "OutputArtifact", "OutputParameter"]


class Named(ArgoVar):
    """What parameters and artifacts share: a name, and whose they are."""

    _side = ""

    @called_by_users
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

    @called_by_users
    def convert_to_graph(self) -> Dict[str, Any]:
        """It as plain data, as it stands in the JSON of a graph.

        Raises:
            CompileError: lists what cannot be read.
        """
        from dflow.pieces.graphs import of_port

        return of_port(self)

    @classmethod
    @called_by_users
    def from_graph(cls, graph: Any) -> Any:
        """What :meth:`convert_to_graph` turned into data."""
        from dflow.pieces.graphs import to_port

        return to_port(cls, graph)

    @classmethod
    @called_by_users
    def from_dict(cls, d: Any) -> Any:
        """It from its piece of an Argo manifest.

        Raises:
            CompileError: lists the fields that are wrong.
        """
        from dflow.pieces.manifests import to_port

        return to_port(cls, d)

    def _give_to_step(self, kind: str, value: Any) -> None:
        """Its step gives this from now on, if that has it among its inputs; it may be made of one of those only."""
        inputs = getattr(self.step, "inputs", None)
        if inputs is not None and getattr(inputs, kind).data.get(self.name) is self:
            getattr(self.step, kind)[self.name] = value

    def bound(self, step: Step | None) -> Any:
        """The same parameter or artifact, as that of a step."""
        twin = self.__class__.__new__(self.__class__)
        twin.__dict__.update(self.__dict__)
        twin.step = step
        return twin


class _Parameter(Named):
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


class _Artifact(Named):
    """What input and output artifacts share.

    ``artifact[0]``, or ``artifact["key"]`` of a dict, is an element of it, as the argument of a step.
    """

    _sub_path: str | None = None
    _element: Tuple[str, ...] = ()

    @property
    def expr(self) -> str:
        """The reference as an expression, of the whole artifact."""
        if self._element:
            raise WrongType(f"an element of {self} cannot stand in an expression; give it to a step as it is")
        return super().expr

    @called_by_users
    def get_path_list_parameter(self) -> InputParameter:
        """The elements of the artifact that a step was given, as a value: ``[{"dflow_list_item": …, "order": …}]``.

        Raises:
            TypeError: they are not known yet, since a step makes it.
        """
        from dflow.artifact_parameters import path_list_of

        return path_list_of(self)

    @called_by_users
    def get_urn_parameter(self) -> InputParameter:
        """The URN of the artifact that a step was given, as a value; an empty text where it has none.

        Raises:
            TypeError: it is not known yet, since a step makes the artifact.
        """
        from dflow.artifact_parameters import urn_of

        return urn_of(self)

    def __getitem__(self, key: Any) -> Any:
        twin = self.bound(self.step)
        twin._element = (*self._element, str(key))
        return twin


class InputParameter(_Parameter):
    """An input parameter of a template.

    Args:
        type: its type; None means text.
        value: the default; without one, it has no such attribute, and every step must give a value.
        save_as_artifact: it may be large: kept in a file and out of lists.
        path: a file that a script finds the value in.
        source: an artifact of one file, whose content, without one newline at its end, is the value where a step
            gives none.
    """

    _side = "inputs.parameters"

    @called_by_users
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
        if "value" in kwargs:
            self.value: Any = kwargs.pop("value")
        self.description = kwargs.pop("description", None)
        self.__dict__.update(kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it; the ``value`` of a step's parameter is what that step gives."""
        super().__setattr__(name, value)
        if name == "value":
            self._give_to_step("parameters", value)


class OutputParameter(_Parameter):
    """An output parameter of a template.

    Args:
        value_from_path: the file that a script writes.
        value_from_parameter: the parameter of a step inside that it is taken from (Steps, DAG).
        value_from_expression: likewise, but an expression, such as :func:`if_expression` makes.
        global_name: also an output of the whole workflow, under this name.
        default: used when the step is skipped or the source cannot be resolved; without one, it has no such attribute.
    """

    _side = "outputs.parameters"

    @called_by_users
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
        if "default" in kwargs:
            self.default: Any = kwargs.pop("default")
        self.description = kwargs.pop("description", None)
        self.__dict__.update(kwargs)

    @called_by_users
    def __getattr__(self, name: str) -> Any:
        if name == "value":
            raise WrongAttribute(self._unknown_yet())
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @called_by_users
    def __int__(self) -> int:
        raise WrongType(self._unknown_yet())

    @called_by_users
    def __float__(self) -> float:
        raise WrongType(self._unknown_yet())

    def _unknown_yet(self) -> str:
        which = "…" if self.step is None else repr(self.step.name)
        return (
            f"{self} stands for a value that the step will give, and has none itself; of a workflow that has run: "
            f"wf.query_step(name={which})[0].outputs.parameters[{self.name!r}].value"
        )


class InputArtifact(_Artifact):
    """An input artifact of a template.

    Args:
        path: where the program finds it.
        optional: steps may leave it out.
        source: used when a step gives none.
        sub_path: the part of the artifact that is meant.
    """

    _side = "inputs.artifacts"

    @called_by_users
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

    def __setattr__(self, name: str, value: Any) -> None:
        """Set it; the ``source`` of a step's artifact is what that step gives."""
        super().__setattr__(name, value)
        if name == "source" and value is not None:
            self._give_to_step("artifacts", value)

    def sub_path(self, path: str) -> InputArtifact:
        """The part ``path`` of this artifact."""
        part: InputArtifact = _part(self, path)
        return part


class OutputArtifact(_Artifact):
    """An output artifact of a template.

    Args:
        path: what the program makes.
        _from: the artifact of a step inside that it is (Steps, DAG).
        from_expression: likewise, but chosen by an expression.
        optional: it is no error when the program does not make it.
    """

    _side = "outputs.artifacts"

    @called_by_users
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

    @called_by_users
    def pvc(self, size: str = "1Gi", storage_class: str | None = None, access_modes: List[str] | None = None) -> PVC:
        """A volume claim for ``pvcs=`` of templates, with a place of its own; as the artifact of a step it is this one.

        Args:
            size: what is asked for, such as ``"10Gi"``.
        """
        from dflow.utils import randstr

        claim = PVC("public", randstr(), size, storage_class, access_modes)
        claim._artifact = self
        return claim


def _part(artifact: Any, path: str) -> Any:
    if artifact._element:
        raise WrongType("an element of an artifact has no sub_path; take the part first: artifact.sub_path(...)[...]")
    twin = artifact.bound(artifact.step)
    twin._sub_path = f"{artifact._sub_path}/{path}" if artifact._sub_path else str(path)
    return twin


class PVC:
    """A persistent volume claim that an artifact is kept in; for clusters only."""

    @called_by_users
    def __init__(
        self, name: str, subpath: str, size: str = "1Gi", storage_class: str | None = None, access_modes: Any = None
    ) -> None:
        self.name = name
        self.subpath = subpath
        self.size = size
        self.storage_class = storage_class
        self.access_modes = ["ReadWriteOnce"] if access_modes is None else access_modes

    _artifact: Any = None
    """What it was made for by ``pvc()``; a step that is given the claim takes that."""

    def to_dict(self) -> Dict[str, Any]:
        """Its arguments by name."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}
