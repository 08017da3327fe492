"""Signs from the annotations of a function."""

from __future__ import annotations

import copy
import typing
from typing import Any, Callable, Dict, Tuple

from dflow.engine.errors import WrongType
from dflow.python.opio import Artifact, OPIOSign, Parameter

__all__ = ["SINGLE_OUTPUT", "get_sign_from_func", "returned_type", "type2opiosign"]

SINGLE_OUTPUT = "dflow_output"
"""The name of an output that a function gives none."""


def type2opiosign(t: Any) -> Any:
    """The sign that a return annotation stands for: of a dict, a TypedDict, a NamedTuple or one type."""
    if isinstance(t, (dict, OPIOSign)):
        return OPIOSign(t)
    if isinstance(t, type) and hasattr(t, "__annotations__") and (issubclass(t, (dict, tuple))):
        return OPIOSign(typing.get_type_hints(t))
    return OPIOSign({SINGLE_OUTPUT: t})


def get_sign_from_func(func: Callable[..., Any]) -> Tuple[OPIOSign, OPIOSign]:
    """The input and the output sign of a function with annotations."""
    import inspect  # a tenth of what an OP that is a class has to import

    annotations = _annotations(func)
    sign = OPIOSign()
    for name, parameter in inspect.signature(func).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise WrongType(f"OP {func.__name__}: *args and **kwargs have no place in a signature")
        kind = annotations.get(name, Any)
        if parameter.default is not parameter.empty:
            kind = _with_default(kind, parameter.default)
        sign[name] = kind
    returned = annotations.get("return")
    return sign, OPIOSign() if returned is None or returned is type(None) else type2opiosign(returned)


def returned_type(func: Callable[..., Any]) -> Any:
    """The annotation of what a function returns."""
    return _annotations(func).get("return")


def _annotations(func: Callable[..., Any]) -> Dict[str, Any]:
    """The annotations; those that are texts (``from __future__ import annotations``) become what they name.

    ``typing.get_type_hints`` cannot be used alone: it refuses the dict of names that an OP's return value is.
    """
    raw = dict(getattr(func, "__annotations__", {}))
    texts = {name: value for name, value in raw.items() if isinstance(value, str)}
    if texts:
        import inspect

        if hasattr(inspect, "get_annotations"):
            return dict(inspect.get_annotations(func, eval_str=True))
        raise WrongType(
            f"OP {func.__name__}: annotations as texts need Python 3.10; remove 'from __future__ import annotations'"
        )
    return raw


def _with_default(kind: Any, default: Any) -> Any:
    """The sign with a default; that of the annotation stays as it is, for other functions may have it too."""
    if not isinstance(kind, (Artifact, Parameter)):
        return Parameter(kind, default=default)
    sign: Any = copy.copy(kind)
    if isinstance(sign, Artifact):
        sign.optional = True
    else:
        sign.default = default
    return sign
