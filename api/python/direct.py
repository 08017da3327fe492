"""An OP as a plain function: run here and now, with its inputs and outputs checked, without a workflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Mapping

from dflow.python.check import check_side
from dflow.python.opio import OPIO, Artifact, HDF5Datasets

__all__ = ["call_op", "leave_outputs"]


def call_op(op: Any, given: Mapping[str, Any]) -> OPIO:
    """Run an OP in this process and in the current directory.

    Args:
        given: inputs by name. Paths of artifacts may be texts; the OP gets them absolute, and of the type that it
            declares. An artifact of the type HDF5Datasets is given as a path, or as what ``execute`` would return.

    Returns:
        The outputs; paths as the OP gave them.

    Raises:
        SignatureError: an input or output is missing, not declared, or of the wrong type.
        FileNotFoundError: an artifact names a path that does not exist.
    """
    from dflow.python.op import check_returned, op_name
    from dflow.python.step_files import check_existence

    name, takes, gives = op_name(op), op.get_input_sign(), op.get_output_sign()
    ready = check_side(name, "input", takes, given)
    for artifact, kind in takes.items():
        if isinstance(kind, Artifact):
            ready[artifact] = _as_declared(ready[artifact], kind.type, f"OP {name}: input artifact {artifact!r}")
    op.__dict__.pop("outputs", None)
    result = op.execute(ready)
    check_returned(name, result)
    outputs = check_side(name, "output", gives, {**op.early_outputs(), **result})
    check_existence(name, gives, outputs)
    return outputs


def _as_declared(value: Any, kind: Any, where: str) -> Any:
    if value is None:
        return None
    if kind is HDF5Datasets:
        return _datasets(value)
    leaf = str if "str" in _leaf_name(kind) else Path
    return _absolute(value, leaf, where)


def _leaf_name(kind: Any) -> str:
    arguments = getattr(kind, "__args__", None) or (kind,)
    return str(getattr(arguments[-1], "__name__", "")).replace("NestedDictStr", "str")


def _absolute(value: Any, leaf: Any, where: str) -> Any:
    if isinstance(value, dict):
        return {key: _absolute(item, leaf, where) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_absolute(item, leaf, where) for item in value]
    if isinstance(value, (set, frozenset)):
        return {_absolute(item, leaf, where) for item in value}
    if value is not None and not os.path.exists(value):
        raise FileNotFoundError(f"{where} is {value}, which does not exist in {os.getcwd()}")
    return None if value is None else leaf(os.path.abspath(value))


def _datasets(value: Any) -> Any:
    from dflow.python.hdf5 import HDF5Dataset, datasets_in, in_memory

    if isinstance(value, (str, Path)) and str(value).endswith((".h5", ".hdf5")):
        return datasets_in(value)
    return value if isinstance(value, HDF5Dataset) else in_memory(value)


def leave_outputs(op: Any, outputs: Mapping[str, Any], *, symlink: bool) -> None:
    """Leave outputs where those of an OP are looked for: ``outputs/`` in its ``tmp_root``."""
    from dflow.python.step_files import write_output

    sign = op.get_output_sign()
    known: Dict[str, Any] = {name: sign[name] for name in outputs}
    os.makedirs(f"{op.tmp_root}/outputs", exist_ok=True)
    for name, kind in known.items():
        write_output(name, kind, outputs[name], str(op.tmp_root), "symlink" if symlink else "link")
