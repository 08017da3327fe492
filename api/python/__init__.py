"""Python OPs: classes and functions with typed inputs and outputs."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "Artifact": "opio",
    "BigParameter": "opio",
    "FatalError": "errors",
    "HDF5Datasets": "opio",
    "NestedDict": "opio",
    "OP": "op",
    "OPIO": "opio",
    "OPIOSign": "opio",
    "Parameter": "opio",
    "PythonOPTemplate": "python_op_template",
    "Slices": "slices",
    "TransientError": "errors",
    "load_op": "registered",
    "registered_ops": "registered",
}

upload_packages: list[str] = []
"""Packages that every step can import: paths of directories or files. Append to it before submitting."""

__all__ = [
    "OP",
    "OPIO",
    "Artifact",
    "BigParameter",
    "FatalError",
    "HDF5Datasets",
    "NestedDict",
    "OPIOSign",
    "Parameter",
    "PythonOPTemplate",
    "Slices",
    "TransientError",
    "load_op",
    "registered_ops",
    "upload_packages",
]

if TYPE_CHECKING:
    from dflow.python.errors import FatalError, TransientError
    from dflow.python.op import OP
    from dflow.python.opio import OPIO, Artifact, BigParameter, HDF5Datasets, NestedDict, OPIOSign, Parameter
    from dflow.python.python_op_template import PythonOPTemplate
    from dflow.python.registered import load_op, registered_ops
    from dflow.python.slices import Slices


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'dflow.python' has no attribute {name!r}")
    value = getattr(importlib.import_module("dflow.python." + home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
