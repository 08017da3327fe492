"""OPs: a class with a typed input, a typed output and ``execute``; or a function with annotations."""

from __future__ import annotations

import functools
import os
from abc import ABC, abstractmethod
from typing import Any, Callable, ClassVar, Dict, Tuple

from dflow import building
from dflow.engine.errors import WrongName, WrongType
from dflow.engine.near import near
from dflow.python.annotations import SINGLE_OUTPUT, get_sign_from_func, type2opiosign
from dflow.python.check import check_side
from dflow.python.opio import OPIO, Artifact, OPIOSign

__all__ = ["OP", "FunctionOP", "get_sign_from_func", "get_source_code", "op_name", "type2opiosign"]


class OP(ABC):
    """An operation. Subclass it and write ``get_input_sign``, ``get_output_sign`` and ``execute``.

    Attributes:
        progress_total, progress_current: how far it is; shown as soon as it is set.
        key: the key of the step that runs it.
        workflow_name: the id of the workflow that runs it.
        outputs: what ``set_output`` was given.
        pool_size, create_slice_dir: of the ``Slices``, while it runs in a group of slices.
        slices, tmp_root: for scripts that read them; nothing sets them.
    """

    progress_total: int = 1
    progress_current: int = 0
    key: str | None = None
    workflow_name: str | None = None
    outputs: ClassVar[Dict[str, Any]] = {}
    slices: ClassVar[Dict[str, Any]] = {}
    tmp_root: str = "/tmp"  # noqa: S108 - the value scripts read
    create_slice_dir: bool = False
    pool_size: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: B027 - subclasses may have one, and need not
        """Arguments are for subclasses."""

    @classmethod
    @abstractmethod
    def get_input_sign(cls) -> OPIOSign:
        """Names and types of what it takes."""

    @classmethod
    @abstractmethod
    def get_output_sign(cls) -> OPIOSign:
        """Names and types of what it gives."""

    @abstractmethod
    def execute(self, op_in: OPIO) -> OPIO:
        """Do the work in the current directory."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; progress is shown at once when the OP runs as a step."""
        super().__setattr__(name, value)
        file = self.__dict__.get("_progress_file")
        if file is not None and name in ("progress_current", "progress_total"):
            file = os.environ.get("ARGO_PROGRESS_FILE") or file
            _write_progress(file, self.progress_current, self.progress_total)

    def set_output(self, name: str, value: Any, symlink: bool = True) -> None:
        """Give an output before ``execute`` returns: it is kept when ``execute`` fails later.

        What ``execute`` returns under this name takes its place. ``symlink`` has no effect: links or copies are
        made as for other outputs.
        """
        if name not in self.get_output_sign():
            sign = self.get_output_sign()
            known = f"declared are {', '.join(map(repr, sign)) or 'none'}{near(name, sign)}"
            raise WrongName(f"OP {op_name(self)}: output {name!r} is not declared; {known}")
        self.__dict__["outputs"] = {**self.early_outputs(), name: value}
        take = self.__dict__.get("_take_early")
        if take is not None:
            take(name, value)

    def early_outputs(self) -> Dict[str, Any]:
        """What was given by :meth:`set_output`."""
        return dict(self.__dict__.get("outputs", {}))

    def handle_outputs(self, outputs: Any, symlink: bool = False) -> None:
        """Leave outputs where they are looked for, before ``execute`` returns or without it.

        In a step each is given as by :meth:`set_output`. Elsewhere they are put below ``tmp_root``: parameters to
        ``outputs/parameters/NAME``, artifacts, as links, to ``outputs/artifacts/NAME``.

        Args:
            symlink: the links are symbolic, not hard ones.
        """
        if self.__dict__.get("_take_early") is not None:
            for name, value in outputs.items():
                self.set_output(name, value, symlink)
            return
        from dflow.python.direct import leave_outputs

        leave_outputs(self, outputs, symlink=symlink)

    def __call__(self, **inputs: Any) -> Any:
        """Run it here and now, in this process and in the current directory: inputs by name, the outputs come back.

        ``MyOP()(n=3, file=Path("a.txt"))["result"]``; both sides are checked against the signs.
        """
        from dflow.python.direct import call_op

        return call_op(self, inputs)

    def get_input_artifact_storage_key(self, name: str) -> str:
        """The key of an input artifact, inside of ``execute``.

        Of one that has a key in a store, that key. Else, on this machine, its path in the run directory, which is the
        store of a run: that of the step which has made it; of one from outside of the run, its absolute path.
        """
        from dflow.python.places import artifact_key

        return artifact_key(self._own_step(name, self.get_input_sign()), "inputs", name)

    def get_output_artifact_storage_key(self, name: str) -> str:
        """The key that an output artifact will have, inside of ``execute``: its path in the run directory."""
        from dflow.python.places import artifact_key

        return artifact_key(self._own_step(name, self.get_output_sign()), "outputs", name)

    def get_input_artifact_link(self, name: str) -> str:
        """The URL of an input artifact, inside of ``execute``: on this machine ``file://…`` in the step's directory."""
        from dflow.python.places import artifact_link

        return artifact_link(self._own_step(name, self.get_input_sign()), "inputs", name)

    def get_output_artifact_link(self, name: str) -> str:
        """The URL that an output artifact will have, inside of ``execute``: on this machine ``file://…``."""
        from dflow.python.places import artifact_link

        return artifact_link(self._own_step(name, self.get_output_sign()), "outputs", name)

    def register_output_artifact(self, name: str, namespace: str, dataset_name: str, **kwargs: Any) -> None:
        """Have ``config["lineage"]`` told of an output artifact when the step has succeeded, inside of ``execute``.

        Args:
            kwargs: are given to ``register_artifact`` of the client; they must be JSON.
        """
        from dflow.python.places import note_registration

        step = self._own_step(name, self.get_output_sign())
        note_registration(step, name, namespace, dataset_name, kwargs)

    def _own_step(self, name: str, sign: OPIOSign) -> str:
        """The directory of the step that this OP runs as, for one of its artifacts.

        Raises:
            KeyError: no such artifact is declared.
            RuntimeError: it does not run as a step.
        """
        if not isinstance(sign.get(name), Artifact):
            known = ", ".join(repr(n) for n, kind in sign.items() if isinstance(kind, Artifact)) or "none"
            raise WrongName(
                f"OP {op_name(self)}: artifact {name!r} is not declared; declared are {known}{near(name, sign)}"
            )
        step = self.__dict__.get("_step")
        if step is None:
            raise RuntimeError(f"OP {op_name(self)}: artifacts have a place only while the OP runs as a step")
        return str(step)

    @classmethod
    def get_opio_info(cls, opio_sign: Any) -> Dict[str, Any]:
        """A sign with the names of types in place of types."""
        from dflow.pieces.ops import opio_info

        return opio_info(opio_sign)

    @classmethod
    def get_info(cls) -> Dict[str, Any]:
        """It for people to read: ``name``, ``inputs``, ``outputs``, and the source of ``execute``, as texts."""
        from dflow.pieces.ops import info_of

        return info_of(cls)

    @classmethod
    def convert_to_graph(cls) -> Dict[str, Any]:
        """It as plain data: ``name``, ``module``, ``inputs``, ``outputs``, ``source``, and ``op`` to find it again.

        Raises:
            PayloadError: it holds something that cannot travel.
        """
        from dflow.pieces.ops import piece_of

        return piece_of(cls)

    @classmethod
    def from_graph(cls, graph: Any) -> Any:
        """The OP that :meth:`convert_to_graph` turned into data; its code is run.

        Raises:
            PayloadError: it cannot be found or made here.
        """
        from dflow.pieces.ops import op_from

        return op_from(graph)

    @staticmethod
    def exec_sign_check(func: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator for ``execute``: check what comes in and what goes out against the signs."""

        @functools.wraps(func)
        def checked(self: OP, op_in: Any) -> Any:
            name = op_name(self)
            ready = check_side(name, "input", self.get_input_sign(), op_in)
            given = func(self, ready)
            check_returned(name, given)
            result = check_side(name, "output", self.get_output_sign(), {**self.early_outputs(), **given})
            return dict(result) if isinstance(given, dict) else result

        return checked

    @classmethod
    def function(cls, func: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Decorator: an OP from a function with annotations.

        ``def f(n: int, foo: Artifact(Path)) -> {"m": int, "bar": Artifact(Path)}``. Called outside of a workflow
        it runs at once and returns a dict; called in a block such as ``with Workflow(...)`` it becomes a task, and
        returns references to its outputs. ``kwargs`` are for the template, :class:`dflow.python.PythonOPTemplate`.
        """
        if func is None:
            return lambda f: cls.function(f, **kwargs)
        return FunctionOP(func, **kwargs)

    @classmethod
    def superfunction(cls, func: Callable[..., Any] | None = None, **kwargs: Any) -> Any:
        """Decorator: a DAG from a function with annotations that calls function OPs.

        ``kwargs`` are for the :class:`dflow.DAG`. Called in a block such as ``with Workflow(...)`` it becomes a task.
        """
        from dflow.python.calls import SuperFunction

        if func is None:
            return lambda f: cls.superfunction(f, **kwargs)
        return SuperFunction(func, **kwargs)


def _write_progress(file: str, current: Any, total: Any) -> None:
    """``N/M``, in one step, as Argo reads it from ``ARGO_PROGRESS_FILE``."""
    temporary = f"{file}.{os.getpid()}.tmp"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(f"{int(current)}/{int(total)}\n")
    os.replace(temporary, file)


class FunctionOP(OP):
    """An OP made from a function by ``@OP.function``."""

    def __init__(self, func: Callable[..., Any], **template: Any) -> None:
        self._wrap(func, template, get_sign_from_func(func))

    def _wrap(self, func: Callable[..., Any], template: Dict[str, Any], signs: Tuple[OPIOSign, OPIOSign]) -> None:
        self.func = func
        self.template_arguments = template
        self.task_kwargs: Dict[str, Any] = {}
        self.origin = self
        self._input_sign, self._output_sign = signs
        functools.update_wrapper(self, func)

    def __repr__(self) -> str:
        return f"OP {getattr(self, '__name__', None)!r}"

    def get_input_sign(self) -> OPIOSign:  # type: ignore[override]
        """Names and types of the function's arguments."""
        return self._input_sign

    def get_output_sign(self) -> OPIOSign:  # type: ignore[override]
        """Names and types of what the function returns."""
        return self._output_sign

    def execute(self, op_in: OPIO) -> OPIO:
        """Call the function with the inputs as keyword arguments."""
        return self._run(op_in)  # type: ignore[no-any-return]

    @OP.exec_sign_check
    def _run(self, op_in: OPIO) -> Any:
        result = self.func(**op_in)
        if set(self._output_sign) == {SINGLE_OUTPUT}:
            return {SINGLE_OUTPUT: result}
        if not self._output_sign:
            return {}
        return result._asdict() if hasattr(result, "_asdict") else result

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function now, with its arguments and its result checked; where a workflow is open, make a task."""
        frame = building.innermost()
        if frame is not None:
            from dflow.python.calls import call_function

            return call_function(self, frame, args, kwargs)
        import inspect

        bound = inspect.signature(self.func).bind(*args, **kwargs)
        from dflow.python.direct import call_op

        return dict(call_op(self, bound.arguments))

    def use(self, **kwargs: Any) -> FunctionOP:
        """The same, to be called with arguments of its task or template.

        ``f.use(key="k-{{item}}", with_param=[1, 2])(x="{{item}}")``: arguments of :class:`dflow.Task` and of
        :class:`dflow.python.PythonOPTemplate`.
        """
        from dflow.python.calls import check_use

        check_use(op_name(self), kwargs)
        twin = _again(self.func, self.template_arguments, (self._input_sign, self._output_sign))
        twin.task_kwargs = {**self.task_kwargs, **kwargs}
        twin.origin = self.origin
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as the function with its signs: what its annotations name does not travel with it."""
        return _again, (self.func, self.template_arguments, (self._input_sign, self._output_sign))


def _again(func: Callable[..., Any], template: Dict[str, Any], signs: Tuple[OPIOSign, OPIOSign]) -> FunctionOP:
    op = FunctionOP.__new__(FunctionOP)
    op._wrap(func, template, signs)
    return op


def op_name(op: Any) -> str:
    """The name of an OP class, instance or function OP."""
    if isinstance(op, FunctionOP):
        return op.func.__name__
    return (op if isinstance(op, type) else type(op)).__name__


def get_source_code(o: Any) -> str:
    """The source of a function, class or OP: the import statements of its file, then its definition.

    Raises:
        TypeError: it has none that can be had.
    """
    from dflow.python.payload import source_code

    found = source_code(o.func if isinstance(o, FunctionOP) else type(o) if isinstance(o, OP) else o)
    if found is None:
        raise WrongType(f"the source of {o!r} is not to be had")
    return found


def check_returned(name: str, given: Any) -> None:
    """Raise TypeError when what an OP returned is no mapping."""
    if not hasattr(given, "keys"):
        raise WrongType(f"OP {name}: execute must return an OPIO or a dict, not {given!r}")
