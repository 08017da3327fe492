"""Calls of function OPs where a workflow or a template is open (``with Workflow(...)``): each becomes a task."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Tuple

from dflow import building
from dflow.dag import DAG
from dflow.engine.errors import WrongType
from dflow.io import IfExpression, InputArtifact, InputParameter, OutputArtifact, OutputParameter
from dflow.python.annotations import SINGLE_OUTPUT, get_sign_from_func, returned_type
from dflow.python.opio import Artifact, OPIOSign
from dflow.python.python_op_template import PythonOPTemplate, _dns_name, _kind_and_default
from dflow.step import Step
from dflow.task import Task

if TYPE_CHECKING:
    from dflow.python.op import FunctionOP

__all__ = ["SuperFunction", "call_function", "check_use"]

_GIVEN_BY_THE_CALL = ("self", "template", "parameters", "artifacts", "kwargs", "op_class")


@functools.lru_cache(maxsize=8)
def _arguments_of(*classes: Any) -> List[str]:
    names = [name for cls in classes for name in inspect.signature(cls.__init__).parameters]
    return [name for name in dict.fromkeys(names) if name not in _GIVEN_BY_THE_CALL]


def check_use(what: str, given: Dict[str, Any], template: Any = PythonOPTemplate) -> None:
    """Raise TypeError for an argument of ``use`` that neither a task nor the template has."""
    from dflow.engine.near import near

    known = _arguments_of(Task, Step) + ([] if template is None else _arguments_of(template))
    for name in given:
        if name not in known:
            raise WrongType(f"{what}.use has no argument {name!r}{near(name, known)}")


def call_function(op: FunctionOP, frame: building.Frame, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Any:
    """A task or step that runs a function OP, in what is open; references to its outputs."""
    of_step = {name: value for name, value in op.task_kwargs.items() if name in _arguments_of(Task, Step)}
    of_template = {name: value for name, value in op.task_kwargs.items() if name not in of_step}
    bound = _bound(op.func, args, kwargs)
    template = PythonOPTemplate(op.origin, **{**op.template_arguments, **of_template})
    return _call(op.func, template, frame, op.get_input_sign(), bound, of_step)


def _bound(func: Callable[..., Any], args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Dict[str, Any]:
    """Arguments by name; one that is missing is reported when the workflow is compiled."""
    try:
        return dict(inspect.signature(func).bind_partial(*args, **kwargs).arguments)
    except TypeError as exc:
        raise WrongType(f"{func.__name__}: {exc}") from None


def _call(
    func: Callable[..., Any],
    template: Any,
    frame: building.Frame,
    sign: OPIOSign,
    bound: Dict[str, Any],
    of_step: Dict[str, Any],
) -> Any:
    arguments: Dict[str, Any] = {**of_step}
    if "name" not in arguments:
        arguments["name"] = frame.free_name(_dns_name(func.__name__))
    if "dependencies" in arguments:
        arguments["dependencies"] = [_task_of(item) for item in arguments["dependencies"] or []]
    made = (Task if frame.takes_tasks else Step)(
        template=template,
        parameters={name: value for name, value in bound.items() if not isinstance(sign[name], Artifact)},
        artifacts={name: v for name, v in bound.items() if isinstance(sign[name], Artifact) and v is not None},
        **arguments,
    )
    outputs = {**made.outputs.parameters.data, **made.outputs.artifacts.data}
    if not outputs:
        return None
    if set(outputs) == {SINGLE_OUTPUT}:
        return outputs[SINGLE_OUTPUT]
    kind = returned_type(func)
    return kind(**outputs) if isinstance(kind, type) and issubclass(kind, tuple) else outputs


def _task_of(item: Any) -> Any:
    """The task itself, or the one that a call's result refers to."""
    if isinstance(item, dict) and item:
        item = next(iter(item.values()))
    elif isinstance(item, tuple) and item:
        item = item[0]
    return getattr(item, "step", None) or item


class SuperFunction(DAG):
    """A DAG from a function that calls other function OPs, made by ``@OP.superfunction``.

    The function runs once, with references in place of its arguments, when the tasks are needed for the first
    time: by then its own name is known, so it may call itself.
    """

    def __init__(self, func: Callable[..., Any], **kwargs: Any) -> None:
        self.func = func
        self.task_kwargs: Dict[str, Any] = {}
        self._input_sign, self._output_sign = get_sign_from_func(func)
        self._tasks: List[Any] = []
        self._is_built = True
        kwargs.setdefault("name", _dns_name(func.__name__))
        super().__init__(**kwargs)
        self._is_built = False
        self._declare()

    def _declare(self) -> None:
        for name, sign in self._input_sign.items():
            if isinstance(sign, Artifact):
                self.inputs.artifacts[name] = InputArtifact(optional=sign.optional, type=sign.type)
            else:
                kind, default = _kind_and_default(sign)
                self.inputs.parameters[name] = InputParameter(type=kind, value=default)
        for name, sign in self._output_sign.items():
            if isinstance(sign, Artifact):
                self.outputs.artifacts[name] = OutputArtifact(type=sign.type, global_name=sign.global_name)
            else:
                self.outputs.parameters[name] = OutputParameter(
                    type=_kind_and_default(sign)[0], global_name=getattr(sign, "global_name", None)
                )

    @property
    def tasks(self) -> List[Any]:
        """What the function called."""
        if not self._is_built:
            self._is_built, self._tasks = True, []
            try:
                self._build()
            except BaseException:
                self._is_built = False
                raise
        return self._tasks

    @tasks.setter
    def tasks(self, tasks: List[Any]) -> None:
        self._tasks = tasks

    def _build(self) -> None:
        inputs = {**self.inputs.parameters.data, **self.inputs.artifacts.data}
        with building.nothing_open(), self:
            given = self.func(**inputs)
        if hasattr(given, "_asdict"):
            given = given._asdict()
        if set(self._output_sign) == {SINGLE_OUTPUT} and not isinstance(given, dict):
            given = {SINGLE_OUTPUT: given}
        given = {} if given is None else given
        wanted, found = sorted(self._output_sign), sorted(given)
        if wanted != found:
            raise WrongType(f"superfunction {self.func.__name__}: it returns {found}, and declares {wanted}")
        for name, value in given.items():
            if name in self.outputs.artifacts.data:
                _set_artifact(self.outputs.artifacts.data[name], value)
            else:
                _set_parameter(self.outputs.parameters.data[name], value)

    def use(self, **kwargs: Any) -> Any:
        """The same, to be called with arguments of :class:`dflow.Task`, such as ``key`` or ``with_param``."""
        check_use(self.func.__name__, kwargs, None)
        return _Use(self, {**self.task_kwargs, **kwargs})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A task that runs this DAG; references to its outputs."""
        return _call_superfunction(self, self.task_kwargs, args, kwargs)


class _Use:
    """A superfunction with arguments for its task."""

    def __init__(self, function: SuperFunction, task_kwargs: Dict[str, Any]) -> None:
        self._function = function
        self.task_kwargs = task_kwargs

    def use(self, **kwargs: Any) -> _Use:
        """The same with more arguments."""
        check_use(self._function.func.__name__, kwargs, None)
        return _Use(self._function, {**self.task_kwargs, **kwargs})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A task that runs the DAG; references to its outputs."""
        return _call_superfunction(self._function, self.task_kwargs, args, kwargs)


def _call_superfunction(
    function: SuperFunction, task_kwargs: Dict[str, Any], args: Tuple[Any, ...], kwargs: Dict[str, Any]
) -> Any:
    frame = building.innermost()
    name = function.func.__name__
    if frame is None:
        raise RuntimeError(f"superfunction {name!r} can only be called in a block such as 'with Workflow(...)'")
    result = _call(
        function.func, function, frame, function._input_sign, _bound(function.func, args, kwargs), task_kwargs
    )
    _ = function.tasks  # mistakes in the function are reported here, not when the workflow is submitted
    return result


def _set_parameter(output: Any, value: Any) -> None:
    if isinstance(value, (InputParameter, OutputParameter)) or not hasattr(value, "expr"):
        output.value_from_parameter = value
    else:
        output.value_from_expression = value


def _set_artifact(output: Any, value: Any) -> None:
    if isinstance(value, IfExpression):
        output.from_expression = value
    else:
        output._from = value
