"""Packing an OP so that another process can run it.

An OP whose module can be imported under its name travels as that name. Others (``__main__``, a notebook cell, an
instance) travel as a pickle by value, with their source beside it for another version of Python.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import inspect
import os
import sys
import textwrap
from typing import Any, Dict, Iterator, Tuple

from dflow.engine.errors import PayloadError
from dflow.python.op import FunctionOP, op_name

__all__ = ["origin_of", "pack_op", "source_code"]


def pack_op(op: Any, what: str = "OP", method: str = "execute") -> Dict[str, Any]:
    """The payload of an OP class or instance, as fields of ``engine.model.OpPayload``.

    Args:
        what: in messages; other classes and objects of the user's travel in the same way.
        method: that of its methods which is called where it is sent to.

    Raises:
        PayloadError: it holds something that cannot be pickled; the message says where.
    """
    name = op_name(op)
    definition = op.func if isinstance(op, FunctionOP) else op if isinstance(op, type) else type(op)
    source = _source_of(definition)
    fields = {
        "name": name,
        "module": definition.__module__,
        "qualname": definition.__qualname__,
        "python": "{}.{}".format(*sys.version_info[:2]),
        "digest": hashlib.sha256(source.encode()).hexdigest() if source else None,
    }
    if _is_importable(op, definition):
        return {"kind": "import", **fields}
    data, version = _pickled(op, (what, name, method), definition.__module__)
    return {
        "kind": "pickle",
        "data": data,
        "cloudpickle": version,
        "source": _with_imports(definition, source) if op is definition or isinstance(op, FunctionOP) else None,
        **fields,
    }


def origin_of(op: Any) -> Dict[str, str]:
    """The file whose code a pickle of an OP holds, and its SHA-256, as fields of ``engine.model.OpPayload``.

    Empty for an OP whose class or function the other process imports, and for one without a file, as in a notebook.
    """
    definition = op.func if isinstance(op, FunctionOP) else op if isinstance(op, type) else type(op)
    if _is_importable(definition, definition):
        return {}
    try:
        file = os.path.abspath(inspect.getsourcefile(definition) or "")
        with open(file, "rb") as stream:
            return {"file": file, "file_digest": hashlib.sha256(stream.read()).hexdigest()}
    except (OSError, TypeError):
        return {}


def pickled(op: Any) -> str:
    """An OP class or instance as a pickle in base64, for an object that takes it along.

    Raises:
        PayloadError: as of :func:`pack_op`.
    """
    definition = op.func if isinstance(op, FunctionOP) else op if isinstance(op, type) else type(op)
    return _pickled(op, ("OP", op_name(op), "execute"), definition.__module__)[0]


def _is_importable(op: Any, definition: Any) -> bool:
    """Whether importing the module by name in another process gives this very object."""
    module, qualname = definition.__module__, definition.__qualname__
    if module == "__main__" or "<locals>" in qualname or module not in sys.modules:
        return False
    found: Any = sys.modules[module]
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if found is not op:
        return False
    return _can_be_found(module)


def _can_be_found(module: str) -> bool:
    """Whether an import of the module by another process finds its file: one that was loaded by its path does not."""
    file: Any = getattr(sys.modules[module], "__file__", None)
    parts, places = module.split("."), None
    for count in range(1, len(parts) + 1):
        spec = _spec_of(".".join(parts[:count]), places)
        if spec is None:
            return False
        places = spec.submodule_search_locations
    if spec is None or spec.origin is None or file is None or not os.path.exists(spec.origin):
        return False
    return bool(os.path.realpath(spec.origin) == os.path.realpath(file))


def _spec_of(module: str, places: Any) -> Any:
    """What the finders say; ``importlib.util.find_spec`` would give what is in ``sys.modules`` already."""
    for finder in sys.meta_path:
        try:
            spec = finder.find_spec(module, places)
        except (ImportError, ValueError, AttributeError):
            continue
        if spec is not None:
            return spec
    return None


def _pickled(op: Any, words: Tuple[str, str, str], module: str) -> Tuple[str, str]:
    import cloudpickle

    try:
        with _by_value(module):
            return base64.b64encode(cloudpickle.dumps(op)).decode(), str(cloudpickle.__version__)
    except Exception as exc:
        raise PayloadError(_why_not(op, words, exc)) from exc


@contextlib.contextmanager
def _by_value(module: str) -> Iterator[None]:
    """Pickle what a module defines as a whole, not as a name, where no other process could import it."""
    import cloudpickle

    if module not in sys.modules or module == "__main__" or _can_be_found(module):
        yield
        return
    known = module in cloudpickle.list_registry_pickle_by_value()
    cloudpickle.register_pickle_by_value(sys.modules[module])
    try:
        yield
    finally:
        if not known:
            cloudpickle.unregister_pickle_by_value(sys.modules[module])


def _why_not(op: Any, words: Tuple[str, str, str], exc: BaseException) -> str:
    what, name, method = words
    culprit = next((place for place, value in _parts(op) if not _can_travel(value)), None)
    where = "" if culprit is None else f": {culprit} cannot be pickled"
    is_own = culprit is not None and culprit.startswith("its attribute")
    module = "" if is_own else f", or put the {what} in a module beside the script"
    return (
        f"{what} {name} cannot be sent to the process that runs it{where} ({exc}). "
        f"Make that object inside {method}{module}"
    )


def _parts(op: Any) -> Iterator[Tuple[str, Any]]:
    """What an OP refers to: attributes of the instance and of the class, globals and closures of its functions."""
    if isinstance(op, FunctionOP):
        yield from _references_of(op.func)
        return
    if not isinstance(op, type):
        for attribute, value in vars(op).items():
            yield f"its attribute {attribute!r}", value
    for attribute, value in vars(op if isinstance(op, type) else type(op)).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if inspect.isfunction(function):
            yield from _references_of(inspect.unwrap(function))
        elif not attribute.startswith("__") and attribute != "_abc_impl":
            yield f"its class attribute {attribute!r}", value


def _references_of(function: Any) -> Iterator[Tuple[str, Any]]:
    for variable in function.__code__.co_names:
        if variable in function.__globals__:
            yield f"the global {variable!r} used in {function.__name__}", function.__globals__[variable]
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        yield f"the variable {variable!r} used in {function.__name__}", cell.cell_contents


def _can_travel(value: Any) -> bool:
    import cloudpickle

    try:
        cloudpickle.dumps(value)
    except Exception:  # noqa: BLE001 - any failure means the same: it cannot travel
        return False
    return True


def source_code(definition: Any) -> str | None:
    """The import statements of the file that defines something, and the definition; None where it has no source."""
    return _with_imports(definition, _source_of(definition))


def _source_of(definition: Any) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(definition))
    except (OSError, TypeError):
        return None


def _with_imports(definition: Any, source: str | None) -> str | None:
    """The definition after the import statements of its file, and nothing else of that file."""
    file = inspect.getsourcefile(definition) if source else None
    if source is None or file is None or not os.path.exists(file):
        return source
    with open(file, encoding="utf-8") as stream:
        text = stream.read()
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return source
    imports = [
        ast.get_source_segment(text, node) or "" for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    return "\n".join([*imports, "", source])
