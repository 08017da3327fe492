"""Finding the OP that a step runs: by import, from a pickle, or from its source."""

from __future__ import annotations

import base64
import importlib
import os
import stat
import sys
import types
from typing import TYPE_CHECKING, Any, Dict

from dflow.engine.errors import PayloadError
from dflow.python.op import OP

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["extend_path", "load_op"]


def extend_path(spec: Dict[str, Any]) -> None:
    """Make importable what the submitting process could import.

    Another minor version of Python gets none of the other one's own packages.
    """
    same = spec["op"].get("python") in (None, _version())
    for entry in spec.get("path", []):
        foreign = "site-packages" in entry or "dist-packages" in entry or os.sep + "lib" + os.sep + "python" in entry
        if entry not in sys.path and (same or not foreign) and os.path.exists(entry):
            sys.path.append(entry)


def load_op(payload: Dict[str, Any], file: Path) -> Any:
    """An OP instance, ready to execute.

    Raises:
        PayloadError: it cannot be found or made here; the message says why.
    """
    if payload["kind"] == "import":
        found = _imported(payload)
    elif payload.get("python") == _version():
        found = _unpickled(payload, file)
    else:
        found = _from_source(payload)
    return found() if isinstance(found, type) else found


def _version() -> str:
    return "{}.{}".format(*sys.version_info[:2])


def _imported(payload: Dict[str, Any]) -> Any:
    try:
        found: Any = importlib.import_module(payload["module"])
        for name in payload["qualname"].split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as exc:
        raise PayloadError(
            f"OP {payload['name']} cannot be imported from {payload['module']} by {sys.executable}: {exc}"
        ) from exc
    return found


def _unpickled(payload: Dict[str, Any], file: Path) -> Any:
    for place in (file, file.parent, file.parent.parent):
        _refuse_if_others_can_write(place)
    import pickle

    try:
        return pickle.loads(base64.b64decode(payload["data"]))  # noqa: S301 - nobody else could write it
    except Exception as exc:
        raise PayloadError(
            f"OP {payload['name']} cannot be unpickled here ({type(exc).__name__}: {exc}); it was pickled by "
            f"cloudpickle {payload.get('cloudpickle')}; define it in a module"
        ) from exc


def _refuse_if_others_can_write(place: Path) -> None:
    """A pickle runs code: read it only where nobody else could have put it."""
    found = place.stat()
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PayloadError(
            f"{place} can be written by others, so the OP in it is not trusted; if it is yours: chmod go-w '{place}'"
        )


def _from_source(payload: Dict[str, Any]) -> Any:
    """Another version of Python than the pickle's: the OP's definition and the imports of its file."""
    source = payload.get("source")
    if not source:
        raise PayloadError(
            f"OP {payload['name']} was packed by Python {payload.get('python')}, this is {_version()}, and its source "
            "was not to be had; define it in a module"
        )
    module = types.ModuleType("dflow_op_source")
    sys.modules[module.__name__] = module
    exec(compile(source, f"<source of OP {payload['name']}>", "exec"), module.__dict__)  # noqa: S102 - the user\'s own OP
    found = getattr(module, payload["qualname"].split(".")[-1], None)
    if found is None or not (isinstance(found, OP) or (isinstance(found, type) and issubclass(found, OP))):
        raise PayloadError(f"the source of OP {payload['name']} defines no OP of that name")
    return found
