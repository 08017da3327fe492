"""What an OP depends on besides its inputs, as JSON that is the same in every process."""

from __future__ import annotations

import enum
import inspect
import json
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Dict, List, Mapping, NamedTuple, Tuple

from dflow.engine.errors import WrongType
from dflow.python.op import FunctionOP, op_name
from dflow.python.opio import Artifact, HDF5Datasets
from dflow.testing.contents import sha

__all__ = ["Signed", "fixed", "short_or_digest", "signed"]

_LONG = 80
_OF_THE_ENGINE = ("_progress_file", "_step", "_take_early", "outputs", "workflow_name")
_ATOMS = (type(None), bool, int, float, str)


class Signed(NamedTuple):
    """An OP, as a recording knows it.

    Attributes:
        name: of the class or function.
        takes, gives: its signs.
        where: its module and name.
        state: attributes of an instance, values that a function takes from around it; texts.
    """

    name: str
    takes: Mapping[str, Any]
    gives: Mapping[str, Any]
    where: str
    state: Mapping[str, str]


def signed(op: Any, ready: Any = None) -> Signed:
    """That of an OP.

    Args:
        op: as the user gave it: a class has no state.
        ready: the instance that was made of it.

    Raises:
        TypeError: an attribute cannot be compared, or an artifact is none of files.
    """
    signs = op if ready is None else ready
    takes, gives = signs.get_input_sign(), signs.get_output_sign()
    for name, kind in [*takes.items(), *gives.items()]:
        if isinstance(kind, Artifact) and kind.type is HDF5Datasets:
            raise WrongType(f"outputs of OP {op_name(op)} cannot be recorded: {name!r} is of the type HDF5Datasets")
    definition = op.func if isinstance(op, FunctionOP) else op if isinstance(op, type) else type(op)
    return Signed(op_name(op), takes, gives, _where(definition), _state(op))


def short_or_digest(value: Any, what: str) -> str:
    """The JSON of a value, or its digest where it is long.

    Raises:
        TypeError: it has nothing that could be compared.
    """
    text = json.dumps(fixed(value, what), sort_keys=True)
    return text if len(text) <= _LONG else f"sha256 {sha(text.encode())}"


def _state(op: Any) -> Dict[str, str]:
    if isinstance(op, FunctionOP):
        return _around(op.func)
    if isinstance(op, type):
        return {}
    what = f"outputs of OP {op_name(op)} cannot be recorded: its attribute"
    return {n: short_or_digest(v, f"{what} {n!r}") for n, v in vars(op).items() if n not in _OF_THE_ENGINE}


def _around(function: Any) -> Dict[str, str]:
    """Numbers and texts of the function that it is defined in; others change while it runs."""
    if not inspect.isfunction(function):
        return {}
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            value = cell.cell_contents
        except ValueError:  # not set yet
            continue
        if type(value) in _ATOMS:
            found[name] = short_or_digest(value, name)
    return found


def fixed(value: Any, what: str, above: Tuple[int, ...] = ()) -> Any:
    """A value as JSON: equal for equal values, also in another process and in sets.

    Args:
        what: in the message of an error.
        above: ids of what holds it.

    Raises:
        TypeError: it has nothing that could be compared.
    """
    if type(value) in _ATOMS:
        return value
    if id(value) in above:
        return {"$above": len(above) - above.index(id(value))}
    inner = (*above, id(value))
    if type(value) is list:
        return [fixed(item, what, inner) for item in value]
    if type(value) is dict and all(type(key) is str and not key.startswith("$") for key in value):
        return {key: fixed(item, what, inner) for key, item in value.items()}
    return _marked(value, what, inner)


def _marked(value: Any, what: str, inner: Tuple[int, ...]) -> Dict[str, Any]:
    if type(value) is dict:
        return {"$dict": _sorted([[fixed(k, what, inner), fixed(v, what, inner)] for k, v in value.items()])}
    if isinstance(value, (set, frozenset)):
        return {"$set": _sorted([fixed(item, what, inner) for item in value])}
    if type(value) is tuple:
        return {"$tuple": [fixed(item, what, inner) for item in value]}
    if isinstance(value, (type, FunctionType, BuiltinFunctionType, ModuleType)):
        return _named(value, what, inner)
    return _leaf(value) or _object(value, what, inner)


def _leaf(value: Any) -> Dict[str, Any] | None:
    """Of bytes, paths, enumerations, arrays and numbers of NumPy; that is not imported for it."""
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": sha(bytes(value))}
    if isinstance(value, PurePath):
        return {"$path": str(value)}
    if isinstance(value, enum.Enum):
        return {"$enum": f"{_where(type(value))}.{value.name}"}
    dtype = getattr(value, "dtype", None)
    if type(value).__module__ != "numpy" or dtype is None or dtype.hasobject:
        return None
    return {"$numpy": [type(value).__name__, dtype.str, list(value.shape), sha(value.tobytes())]}


def _named(value: Any, what: str, inner: Tuple[int, ...]) -> Dict[str, Any]:
    """A class, function or module; of a function inside of another its source and what it takes from there."""
    name = value.__name__ if isinstance(value, ModuleType) else _where(value)
    if not (isinstance(value, FunctionType) and ("<lambda>" in name or "<locals>" in name)):
        return {"$name": name}
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):
        source = ""
    cells = [fixed(cell.cell_contents, what, inner) for cell in value.__closure__ or ()]
    return {"$function": [name, sha(source.encode()), cells, fixed(value.__defaults__, what, inner)]}


def _object(value: Any, what: str, inner: Tuple[int, ...]) -> Dict[str, Any]:
    """What pickle would keep of it."""
    try:
        kept = value.__reduce_ex__(2)
    except Exception as exc:
        raise WrongType(f"{what} holds {type(value).__name__}, which cannot be compared ({exc})") from exc
    if isinstance(kept, str):
        return {"$name": f"{type(value).__module__}:{kept}"}
    made, args, state, items, pairs = (*kept, None, None, None, None)[:5]
    parts: List[Any] = [
        made,
        args,
        state,
        None if items is None else list(items),
        None if pairs is None else dict(pairs),
    ]
    return {"$object": [fixed(part, what, inner) for part in parts]}


def _sorted(items: List[Any]) -> List[Any]:
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def _where(definition: Any) -> str:
    return f"{getattr(definition, '__module__', None)}:{getattr(definition, '__qualname__', definition)}"
