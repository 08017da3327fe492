"""Finding the OP that a step runs: by import, from a pickle, or from its source."""

from __future__ import annotations

import base64
import importlib
import os
import sys
import types
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from dflow.engine.errors import PayloadError
from dflow.python.check import type_of
from dflow.python.op import OP, FunctionOP
from dflow.python.runtime.trust import refuse_if_others_can_write

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["extend_path", "find_op"]


def extend_path(spec: Dict[str, Any], op_file: Path, step: Path) -> None:
    """Make importable what the submitting process could import, in its order; the step's directory is no place of that.

    An interpreter with packages of its own keeps them before the submitter's. Another minor version of Python gets
    none of the submitter's own packages.
    """
    given = [entry for entry in spec.get("path", []) if os.path.exists(entry)]
    left = [entry for entry in sys.path if os.path.abspath(entry) != str(step)]
    lib = str(op_file.parent.parent / "lib")
    first = left[: left.index(lib) + 1] if lib in left else []  # with what a pre_script has put before it
    first += [e for e in os.environ.get("PYTHONPATH", "").split(os.pathsep) if e in left and e not in spec["path"]]
    own = [entry for entry in left if _is_of_interpreter(entry) and entry not in first]
    if all(entry in spec.get("path", []) for entry in own):
        order = [*first, *given, *left]
    else:
        users = [entry for entry in given if not _is_of_interpreter(entry)]
        same = spec["op"].get("python") in (None, _version())
        order = [*first, *users, *left, *(given if same else ())]
    last = os.environ.get("DFLOW_PACKAGES")  # what the runtime uses, for an image that has none of it
    sys.path[:] = list(dict.fromkeys([*order, *([last] if last else [])]))


def _is_of_interpreter(entry: str) -> bool:
    return "site-packages" in entry or "dist-packages" in entry or os.sep + "lib" + os.sep + "python" in entry


def find_op(payload: Dict[str, Any], file: Path) -> Any:
    """An OP class or an instance; or another object that travels as one, ``payload["what"]`` in words.

    Raises:
        PayloadError: it cannot be found or made here; the message says why.
    """
    if payload["kind"] == "import":
        return _imported(payload, file)
    return _unpickled(payload, file) if payload.get("python") == _version() else _from_source(payload)


def _said(payload: Dict[str, Any]) -> str:
    return f"{payload.get('what', 'OP')} {payload['name']}"


def _version() -> str:
    return "{}.{}".format(*sys.version_info[:2])


def _imported(payload: Dict[str, Any], file: Path) -> Any:
    try:
        if payload.get("snapshot"):
            from dflow.python.runtime.snapshot import import_snapshot

            found: Any = import_snapshot(payload["module"], file.parent / payload["snapshot"], payload["file"])
        else:
            found = importlib.import_module(payload["module"])
        for name in payload["qualname"].split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as exc:
        raise PayloadError(
            f"{_said(payload)} cannot be imported from {payload['module']} by {sys.executable}: {exc}"
        ) from exc
    return found


def _unpickled(payload: Dict[str, Any], file: Path) -> Any:
    refuse_if_others_can_write(file)
    import pickle

    _import_own_cloudpickle()
    try:
        found = pickle.loads(base64.b64decode(payload["data"]))  # noqa: S301 - nobody else could write it
    except Exception as exc:
        raise PayloadError(
            f"{_said(payload)} cannot be unpickled here ({type(exc).__name__}: {exc}); it was pickled by "
            f"cloudpickle {payload.get('cloudpickle')}; define it in a module"
        ) from exc
    _publish(found)
    if "file_digest" in payload:
        from dflow.python.runtime.lines import show_lines_as_pickled

        show_lines_as_pickled(payload, found, file.parent)
    return found


def _import_own_cloudpickle() -> None:
    """Where cloudpickle came along, have that one: an older one of the interpreter may not know the pickle."""
    place = os.environ.get("DFLOW_PACKAGES")
    if place and "cloudpickle" not in sys.modules:
        sys.path.insert(0, place)
        try:
            importlib.import_module("cloudpickle")
        except ImportError:
            pass  # said when the pickle needs it
        finally:
            sys.path.remove(place)


def _publish(op: Any) -> None:
    """Give this ``__main__`` the names of the script's that came with the OP: values name their classes by them."""
    main = sys.modules["__main__"]
    signs = (op.get_input_sign(), op.get_output_sign()) if hasattr(op, "get_input_sign") else ()
    rest: List[Any] = [op, type(op), *(type_of(sign) for side in signs for sign in side.values())]
    seen: Dict[int, Any] = {}
    while rest:
        thing = rest.pop()
        if id(thing) in seen:
            continue
        seen[id(thing)] = thing
        names, parts = _parts_of(thing)
        rest.extend(parts)
        for name, value in names.items():
            if not name.startswith("__") and not hasattr(main, name):
                setattr(main, name, value)


def _parts_of(thing: Any) -> Tuple[Dict[str, Any], List[Any]]:
    """The names of ``__main__`` that a class, a function, an OP or a type brings, and what else may bring some."""
    names: Dict[str, Any] = {}
    parts: List[Any] = []
    if isinstance(thing, FunctionOP):
        parts = [thing.func]
    elif isinstance(thing, (classmethod, staticmethod)):
        parts = [thing.__func__]
    elif isinstance(thing, types.FunctionType):
        names = thing.__globals__ if thing.__module__ == "__main__" else {}
        parts = [*names.values(), thing.__dict__.get("__wrapped__")]
    elif type(thing).__module__ in ("typing", "types"):
        parts = list(getattr(thing, "__args__", None) or ())
    elif isinstance(thing, type) and thing.__module__ == "__main__":
        names = {thing.__name__: thing}
        parts = [*thing.__mro__, *vars(thing).values(), *(vars(thing).get("__annotations__") or {}).values()]
    return names, parts


def _from_source(payload: Dict[str, Any]) -> Any:
    """Another version of Python than the pickle's: the OP's definition and the imports of its file."""
    source = payload.get("source")
    if not source:
        raise PayloadError(
            f"{_said(payload)} was packed by Python {payload.get('python')}, this is {_version()}, and its source "
            "was not to be had; define it in a module"
        )
    module = types.ModuleType("dflow_op_source")
    sys.modules[module.__name__] = module
    exec(compile(source, f"<source of {_said(payload)}>", "exec"), module.__dict__)  # noqa: S102 - the user\'s own OP
    found = getattr(module, payload["qualname"].split(".")[-1], None)
    is_op = isinstance(found, OP) or (isinstance(found, type) and issubclass(found, OP))
    if found is None or not (is_op or "what" in payload):
        raise PayloadError(f"the source of {_said(payload)} defines no {payload.get('what', 'OP')} of that name")
    return found
