"""The template of a Python OP."""

from __future__ import annotations

import copy
import inspect
import re
from typing import Any, Dict, List

from dflow.engine.errors import WrongType, WrongValue
from dflow.expression import MISSING
from dflow.io import InputArtifact, InputParameter, OutputArtifact, OutputParameter
from dflow.names import by_name, listed
from dflow.op_template import PythonScriptOPTemplate
from dflow.python.errors import FatalError, TransientError
from dflow.python.op import OP, op_name
from dflow.python.opio import Artifact, BigParameter, Parameter
from dflow.python.slices import Slices
from dflow.tracebacks import called_by_users
from dflow.utils import randstr

__all__ = ["FatalError", "PythonOPTemplate", "Slices", "TransientError"]


class PythonOPTemplate(PythonScriptOPTemplate):
    """Runs an OP as a step.

    Args:
        op_class: an OP class, an instance of one, or a function decorated with ``@OP.function``.
        image: the container image; not used by local runs without a container executor.
        command: the interpreter; by default the one that submits.
        output_parameter_default: defaults of output parameters by name, used when the step is skipped.
        output_artifact_global_name, output_parameter_global_name: names in the outputs of the workflow.
        slices: see :class:`Slices`.
        input_parameter_slices, input_artifact_slices, output_parameter_slices, output_artifact_slices: the same
            without ``slices``: the index, such as ``"{{item}}"``, by name; one index for all of them.
        python_packages: paths of packages that the OP imports, beside those in ``upload_packages``.
        timeout: seconds.
        retry_on_transient_error …: how often to try again.
        pre_script, post_script: Python code before and after the OP.
        input_artifact_prefix: by name, the part of an input artifact that the OP gets.
        output_artifact_save: by name, where an output artifact is kept as well: ``[S3Artifact(key=…)]``.
        create_slice_dir: ``create_dir`` of the slices.
        skip_slice_input: the inputs of the slices are not sliced; what they are given is each slice's own.
        isolation: how local runs run it: ``"fork"``, ``"spawn"`` or ``"warm"``; None for ``config["isolation"]``.
        node_selector … sidecars: for Kubernetes; local runs ignore them.
    """

    create_slice_dir = False
    skip_slice_input = False

    @called_by_users
    def __init__(
        self,
        op_class: Any,
        image: str | None = None,
        command: Any = None,
        annotations: Dict[str, str] | None = None,
        labels: Dict[str, str] | None = None,
        node_selector: Dict[str, str] | None = None,
        tolerations: List[Any] | None = None,
        affinity: Any = None,
        output_artifact_save: Dict[str, Any] | None = None,
        output_artifact_archive: Dict[str, Any] | None = None,
        output_parameter_default: Dict[str, Any] | None = None,
        input_artifact_prefix: Dict[str, str] | None = None,
        input_artifact_slices: Dict[str, str] | None = None,
        input_parameter_slices: Dict[str, str] | None = None,
        output_artifact_slices: Dict[str, str] | None = None,
        output_parameter_slices: Dict[str, str] | None = None,
        output_artifact_global_name: Dict[str, str] | None = None,
        output_parameter_global_name: Dict[str, str] | None = None,
        slices: Slices | None = None,
        python_packages: List[Any] | None = None,
        timeout: Any = None,
        retry_on_transient_error: int | None = None,
        retry_on_failure: int | None = None,
        retry_on_error: int | None = None,
        retry_on_failure_and_error: int | None = None,
        timeout_as_transient_error: bool = False,
        memoize_key: str | None = None,
        volumes: List[Any] | None = None,
        mounts: List[Any] | None = None,
        image_pull_policy: str | None = None,
        requests: Dict[str, str] | None = None,
        limits: Dict[str, str] | None = None,
        upload_dflow: bool = True,
        envs: Dict[str, Any] | None = None,
        init_containers: List[Any] | None = None,
        sidecars: List[Any] | None = None,
        tmp_root: str = "/tmp",  # noqa: S108 - the default of the API, inside the container
        pre_script: str = "",
        post_script: str = "",
        success_tag: bool = False,
        create_slice_dir: bool = False,
        skip_slice_input: bool = False,
        isolation: str | None = None,
    ) -> None:
        _check_op(op_class)
        self.op_class = op_class
        super().__init__(
            name=f"{_dns_name(op_name(op_class))}-{randstr()}",
            image=image,
            command=command,
            annotations=annotations,
            labels=labels,
            node_selector=node_selector,
            tolerations=tolerations,
            affinity=affinity,
            memoize_key=memoize_key,
            volumes=volumes,
            mounts=mounts,
            image_pull_policy=image_pull_policy,
            requests=requests,
            limits=limits,
            envs=envs,
            init_containers=init_containers,
            sidecars=sidecars,
            timeout=timeout,
        )
        self._named = False
        named = {
            "input_parameter": input_parameter_slices,
            "input_artifact": input_artifact_slices,
            "output_parameter": output_parameter_slices,
            "output_artifact": output_artifact_slices,
        }
        self.slices = _named_slices(self._shown_name(), slices, _given(self._shown_name(), named))
        self.input_artifact_prefix = by_name(
            input_artifact_prefix, f"template {self._shown_name()!r}: input_artifact_prefix"
        )
        self.python_packages = (
            []
            if python_packages is None
            else listed(python_packages, f"template {self._shown_name()!r}: python_packages")
        )
        self.retry_on_transient_error = retry_on_transient_error
        self.retry_on_failure = retry_on_failure
        self.retry_on_error = retry_on_error
        self.retry_on_failure_and_error = retry_on_failure_and_error
        self.timeout_as_transient_error = timeout_as_transient_error
        self.upload_dflow = upload_dflow
        self.tmp_root = tmp_root
        self.pre_script = pre_script
        self.post_script = post_script
        self.success_tag = success_tag
        self.create_slice_dir = create_slice_dir
        self.skip_slice_input = skip_slice_input
        self.isolation = isolation
        self._declare_inputs()
        self._declare_outputs(
            by_name(output_parameter_default, f"template {self._shown_name()!r}: output_parameter_default"),
            by_name(output_parameter_global_name, f"template {self._shown_name()!r}: output_parameter_global_name"),
        )
        self._declare_output_artifacts(
            output_artifact_save or {}, output_artifact_archive or {}, output_artifact_global_name or {}
        )

    def _base_name(self) -> str:
        return str(self.name).rpartition("-")[0]

    @called_by_users
    def set_slices(self, slices: Slices | None) -> None:
        """Slice every step of this template that has no slices of its own, in place of what was set before."""
        self.slices = slices

    def adjusted_slices(self, slices: Slices) -> Slices:
        """Slices as ``create_slice_dir`` and ``skip_slice_input`` of this template have them."""
        if not (self.create_slice_dir or self.skip_slice_input):
            return slices
        twin: Any = copy.copy(slices)
        if self.create_slice_dir:
            twin.create_dir = True
        if self.skip_slice_input:
            twin.input_parameter, twin.input_artifact = [], []
        return twin  # type: ignore[no-any-return]

    def _declare_inputs(self) -> None:
        for name, sign in self.op_class.get_input_sign().items():
            if isinstance(sign, Artifact):
                self.inputs.artifacts[name] = InputArtifact(
                    path=f"{self.tmp_root}/inputs/artifacts/{name}",
                    optional=sign.optional,
                    type=sign.type,
                    archive=vars(sign)["archive"],  # "default" follows the configuration that there is at the end
                    sub_path=self.input_artifact_prefix.get(name),
                )
            else:
                kind, default = _kind_and_default(sign)
                given = {} if default is MISSING else {"value": default}
                self.inputs.parameters[name] = InputParameter(
                    type=kind, save_as_artifact=isinstance(sign, BigParameter), **given
                )

    def _declare_outputs(self, defaults: Dict[str, Any], global_names: Dict[str, str]) -> None:
        for name, sign in self.op_class.get_output_sign().items():
            if isinstance(sign, Artifact):
                continue
            kind, default = _kind_and_default(sign)
            default = defaults.get(name, default)
            given = {} if default is MISSING else {"default": default}
            self.outputs.parameters[name] = OutputParameter(
                value_from_path=f"{self.tmp_root}/outputs/parameters/{name}",
                type=kind,
                global_name=global_names.get(name, getattr(sign, "global_name", None)),
                save_as_artifact=isinstance(sign, BigParameter),
                **given,
            )

    def _declare_output_artifacts(
        self, save: Dict[str, Any], archive: Dict[str, Any], global_names: Dict[str, str]
    ) -> None:
        for name, sign in self.op_class.get_output_sign().items():
            if isinstance(sign, Artifact):
                self.outputs.artifacts[name] = OutputArtifact(
                    path=f"{self.tmp_root}/outputs/artifacts/{name}",
                    type=sign.type,
                    save=save.get(name, sign.save),
                    archive=archive.get(name, vars(sign)["archive"]),
                    global_name=global_names.get(name, sign.global_name),
                    optional=sign.optional,
                )


def _given(template: str, named: Dict[str, Any]) -> Dict[str, Dict[str, str]]:
    """The indices that are given, by side."""
    return {side: by_name(given, f"template {template!r}: {side}_slices") for side, given in named.items() if given}


def _named_slices(template: str, slices: Slices | None, named: Dict[str, Dict[str, str]]) -> Slices | None:
    """Slices from the index that each input and output has."""
    if not named:
        return slices
    if slices is not None:
        raise WrongType(
            f"template {template!r}: give slices= or {' and '.join(f'{n}_slices=' for n in named)}, not both"
        )
    indices = sorted({str(index) for given in named.values() for index in given.values()})
    if len(indices) > 1:
        raise WrongValue(
            f"template {template!r}: inputs and outputs are sliced at different indices ({', '.join(indices)}); "
            "a step has one index for all of them"
        )
    sides: Dict[str, Any] = {side: list(given) for side, given in named.items()}
    return Slices(indices[0], **sides)


def _check_op(op: Any) -> None:
    if not (isinstance(op, OP) or (isinstance(op, type) and issubclass(op, OP))):
        raise WrongType(
            f"PythonOPTemplate takes an OP class, an OP instance or a function decorated with @OP.function, not {op!r}"
        )
    missing = sorted(getattr(op, "__abstractmethods__", ()))
    if missing:
        raise WrongType(f"OP {op_name(op)} lacks {', '.join(missing)}")
    for name in ("get_input_sign", "get_output_sign") if isinstance(op, type) else ():
        if inspect.isfunction(inspect.getattr_static(op, name)):
            raise WrongType(f"OP {op_name(op)}: {name} must be a classmethod; write @classmethod above it")


def _kind_and_default(sign: Any) -> Any:
    if isinstance(sign, Parameter):
        return sign.type, getattr(sign, "default", MISSING)
    return sign, MISSING


def _dns_name(name: str) -> str:
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return text[:51].rstrip("-") or "op"
