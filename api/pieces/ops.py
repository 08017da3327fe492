"""OPs as data: what they take and give, their source, and what finds them again."""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib
import inspect
import pickle
import sys
from typing import Any

from dflow.engine import codec, model
from dflow.engine.errors import PayloadError, StateError
from dflow.expression import type_to_str
from dflow.names import by_name
from dflow.python.op import FunctionOP, op_name
from dflow.python.opio import Artifact, Parameter
from dflow.python.payload import pack_op
from dflow.python.registered import is_op

__all__ = ["info_of", "op_from", "opio_info", "piece_of"]


def opio_info(sign: Any) -> dict[str, Any]:
    """What a side of an OP takes or gives: names to the names of types, or to signs such as ``Parameter``."""
    return {name: kind if isinstance(kind, (Artifact, Parameter)) else type_to_str(kind) for name, kind in sign.items()}


def info_of(op: Any) -> dict[str, Any]:
    """An OP for people to read: ``name``, ``inputs``, ``outputs``, and the source of ``execute``."""
    definition = _definition(op)
    return {
        "name": f"{definition.__module__}.{op_name(op)}",
        "inputs": {name: str(kind) for name, kind in opio_info(op.get_input_sign()).items()},
        "outputs": {name: str(kind) for name, kind in opio_info(op.get_output_sign()).items()},
        "execute": _source(definition if isinstance(op, FunctionOP) else definition.execute),
    }


def piece_of(op: Any) -> dict[str, Any]:
    """An OP as plain data: ``name``, ``module``, ``inputs``, ``outputs``, ``source``, and ``op``, which finds it again.

    Raises:
        PayloadError: it holds something that cannot travel.
    """
    definition = _definition(op)
    return {
        "name": op_name(op),
        "module": definition.__module__,
        "inputs": {name: _plain(kind) for name, kind in op.get_input_sign().items()},
        "outputs": {name: _plain(kind) for name, kind in op.get_output_sign().items()},
        "source": _source(definition),
        "op": codec.encode(model.OpPayload(**pack_op(op))),
    }


def op_from(piece: Any) -> Any:
    """The OP of :func:`piece_of`: imported where it has a module, else from the pickle or the source in the piece.

    Making an OP runs code of the piece: take pieces from people that you would take a script from.

    Raises:
        StateError: it is no piece of an OP.
        PayloadError: the OP cannot be found or made here.
    """
    content = by_name(piece, "OP.from_graph: the piece")
    payload = _payload(content)
    found = _imported(payload) if payload.kind == "import" else _unpickled(payload)
    if not is_op(found):
        raise PayloadError(f"OP.from_graph: {payload.name!r} in {payload.module!r} is no OP")
    return found


def _imported(payload: model.OpPayload) -> Any:
    try:
        return functools.reduce(getattr, str(payload.qualname).split("."), importlib.import_module(str(payload.module)))
    except (ImportError, AttributeError, ValueError) as exc:
        raise PayloadError(f"OP {payload.name} cannot be imported from {payload.module!r}: {exc}") from exc


def _unpickled(payload: model.OpPayload) -> Any:
    here = "{}.{}".format(*sys.version_info[:2])
    if payload.python != here:
        raise PayloadError(
            f"OP {payload.name} was packed by Python {payload.python}, this is {here}; put it in a module"
        )
    try:
        return pickle.loads(base64.b64decode(payload.data or ""))  # noqa: S301 - who calls has chosen to trust the piece
    except Exception as exc:
        raise PayloadError(f"OP {payload.name} cannot be unpickled: {type(exc).__name__}: {exc}") from exc


def _payload(content: dict[str, Any]) -> model.OpPayload:
    if "op" in content:
        found = codec.decode(content["op"])
        if isinstance(found, model.OpPayload):
            return found
    elif isinstance(content.get("name"), str) and isinstance(content.get("module"), str):
        name = content["name"]
        return model.OpPayload("import", name, content["module"], name)
    raise StateError("OP.from_graph takes what convert_to_graph() gives: a dict with 'op', or with 'name' and 'module'")


def _definition(op: Any) -> Any:
    return op.func if isinstance(op, FunctionOP) else op if isinstance(op, type) else type(op)


def _source(thing: Any) -> str | None:
    with contextlib.suppress(OSError, TypeError):
        return inspect.getsource(thing)
    return None


def _plain(kind: Any) -> Any:
    return kind.to_dict() if isinstance(kind, (Artifact, Parameter)) else type_to_str(kind)
