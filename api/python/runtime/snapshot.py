"""Importing an OP's module as its file was at submit (``dflow resume --code=recorded``)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import PayloadError
from dflow.python.runtime.trust import refuse_if_others_can_write

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["import_snapshot"]


def import_snapshot(module: str, snapshot: Path, file: str) -> Any:
    """The module ``module``, made from the text of ``snapshot``; what it imports itself is found as ever.

    Args:
        file: where the module's own file lies, so that data beside it are found by ``__file__``.

    Raises:
        PayloadError: others could have written the snapshot.
    """
    known = sys.modules.get(module)
    if known is not None and getattr(known.__spec__, "origin", None) == str(snapshot):
        return known
    refuse_if_others_can_write(snapshot)
    parent, _, name = module.rpartition(".")
    if parent:
        importlib.import_module(parent)
    is_package = file.endswith("__init__.py")
    folder = [file.rpartition("/")[0]] if is_package else None
    spec = importlib.util.spec_from_file_location(module, str(snapshot), submodule_search_locations=folder)
    if spec is None or spec.loader is None:
        raise PayloadError(f"{snapshot} is no Python file")
    made = importlib.util.module_from_spec(spec)
    made.__file__ = file
    sys.modules[module] = made
    spec.loader.exec_module(made)
    if parent:
        setattr(sys.modules[parent], name, made)
    return made
