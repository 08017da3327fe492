"""Which code a run uses when it goes on: what can be imported now, or the modules as they were at submit.

At submit the file of each module that an OP is imported from is copied to ``.dflow/ops/MODULE.py``. Only that file:
other modules that it imports are not copied, and are always the current ones. An OP that travels as a pickle never
changes, see ``pickled_code``.
"""

from __future__ import annotations

import dataclasses
import importlib.machinery
import json
import logging
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Sequence

from dflow.engine.errors import ConfigError
from dflow.python.definitions import definition_digest
from dflow.python.pickled_code import edited_files, keep_files

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import PythonOpTemplate, WorkflowGraph

__all__ = ["CODES", "changed_ops", "keep_code", "module_file", "use_code", "warn_of_changes"]

CODES = ("current", "recorded")
_log = logging.getLogger("dflow")


def keep_code(
    layout: RunLayout, graph: WorkflowGraph, path: Sequence[str], *, earlier: RunLayout | None = None
) -> None:
    """Copy the files that OPs are imported or pickled from into a run directory.

    Args:
        path: the entries of the module path of steps.
        earlier: another run of the same graph.

    Raises:
        StateError: the file system refuses.
    """
    from dflow.engine.state import writing

    for module in sorted({str(template.op.module) for template in _imported(graph)}):
        file, target = module_file(module, path), _snapshot(layout, module)
        if file is not None:
            with writing(target):
                shutil.copyfile(file, target)
                target.chmod(0o600)
    keep_files(layout, graph, earlier)


def use_code(layout: RunLayout, code: str) -> None:
    """Make the steps that a run still has to run use the ``"current"`` or the ``"recorded"`` modules of their OPs.

    Warns once of each OP whose definition is not the one of the submit.

    Raises:
        ConfigError: another word; or a module was not recorded.
        StateError: the run directory cannot be read or written.
    """
    from dflow.engine.run_directory import load_graph, write_graph
    from dflow.engine.settings import load_settings

    if code not in CODES:
        raise ConfigError(f"code is {code!r}; it must be one of {', '.join(map(repr, CODES))}")
    graph, settings = load_graph(layout), load_settings(layout.settings)
    files = {t.name: _file(layout, t, code, settings.module_path) for t in _imported(graph)}
    digests = {t.name: definition_digest(files[t.name], str(t.op.qualname)) for t in _imported(graph)}
    if code == "current":
        for text in [*_changes(layout, graph, files), *edited_files(layout, graph, settings.module_path)]:
            _log.warning("%s", text)
    templates = tuple(_with_digest(template, digests.get(template.name)) for template in graph.templates)
    if templates != graph.templates:
        graph = dataclasses.replace(graph, templates=templates)
        write_graph(layout, graph, settings)
    for template in _imported(graph):
        place = _place(str(template.op.module), settings.module_path) or files[template.name]
        _point(layout, template, {} if code == "current" else {"file": place})


def changed_ops(layout: RunLayout, graph: WorkflowGraph, path: Sequence[str]) -> List[str]:
    """What is no more as it was at submit, a sentence for each OP."""
    files = {template.name: module_file(str(template.op.module), path) for template in _imported(graph)}
    return [*_changes(layout, graph, files), *edited_files(layout, graph, path)]


def warn_of_changes(layout: RunLayout, *, live: bool) -> None:
    """Say what is no more as it was at submit, before another process goes on with a run.

    Args:
        live: that process runs already, so nobody knows which of its modules it has imported: pickled OPs only.
    """
    from dflow.engine.run_directory import load_graph
    from dflow.engine.settings import load_settings

    graph, path = load_graph(layout), load_settings(layout.settings).module_path
    for text in (edited_files if live else changed_ops)(layout, graph, path):
        _log.warning("%s", text)


def module_file(module: str, path: Sequence[str]) -> str | None:
    """The Python file that importing a module with this module path would run, found without importing it."""
    places: Any = list(path)
    spec = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        spec = _spec(".".join(parts[:count]), places, top=count == 1)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    origin = spec.origin if spec is not None else None
    return origin if origin is not None and origin.endswith(".py") and os.path.isfile(origin) else None


def _place(module: str, path: Sequence[str]) -> str | None:
    """Where the file of a module lies, or, when it is gone, where it lay beside its package's others."""
    parent, _, name = module.rpartition(".")
    found = module_file(module, path)
    if found is None and parent and (package := module_file(parent, path)) is not None:
        return os.path.join(os.path.dirname(package), f"{name}.py")
    return found


def _spec(module: str, places: Any, *, top: bool) -> Any:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        own = finder is importlib.machinery.PathFinder or not top
        try:
            spec = find(module, places if own else None) if find is not None else None
        except (ImportError, ValueError, AttributeError, KeyError):  # KeyError: a folder in a folder, without __init__
            continue
        if spec is not None:
            return spec
    return None


def _imported(graph: WorkflowGraph) -> List[PythonOpTemplate]:
    from dflow.engine.model import PythonOpTemplate

    return [t for t in graph.templates if isinstance(t, PythonOpTemplate) and t.op.kind == "import"]


def _snapshot(layout: RunLayout, module: str) -> Path:
    return layout.ops / f"{module}.py"


def _file(layout: RunLayout, template: PythonOpTemplate, code: str, path: Sequence[str]) -> str | None:
    module = str(template.op.module)
    if code == "current":
        return module_file(module, path)
    kept = _snapshot(layout, module)
    if not kept.is_file():
        raise ConfigError(
            f"the run {layout.id} has no copy of {module}, the module of OP {template.op.name}; "
            "leave out --code=recorded to use the module as it is now"
        )
    return str(kept)


def _changes(layout: RunLayout, graph: WorkflowGraph, files: Dict[str, str | None]) -> List[str]:
    said: Dict[str, None] = {}
    for template in _imported(graph):
        op, kept = template.op, _snapshot(layout, str(template.op.module))
        if not kept.is_file():
            continue
        name = f"OP {op.name} ({op.module}.{op.qualname})"
        then, now = (definition_digest(file, str(op.qualname)) for file in (str(kept), files[template.name]))
        if now is None:
            said[f"{name} is not to be found any more; dflow resume {layout.id} --code=recorded uses its copy"] = None
        elif then != now:
            said[
                f"{name} has changed since submit: steps that still have to run use it as it is now, finished ones "
                f"are kept; to use it as it was: dflow resume {layout.id} --code=recorded"
            ] = None
    return list(said)


def _with_digest(template: Any, digest: str | None) -> Any:
    if digest is None or digest == template.op.digest:
        return template
    return dataclasses.replace(template, op=dataclasses.replace(template.op, digest=digest))


def _point(layout: RunLayout, template: PythonOpTemplate, more: Dict[str, Any]) -> None:
    """Write into the file of an OP whether the runtime shall import the copy of its module."""
    from dflow.engine.errors import StateError
    from dflow.engine.state import read_text, write_json

    file = layout.ops / f"{template.name}.json"
    try:
        spec: Dict[str, Any] = json.loads(read_text(file))
        op = {name: value for name, value in spec["op"].items() if name not in ("snapshot", "file")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StateError(f"cannot read how OP {template.op.name} is found in {file}: {exc}") from exc
    if more:
        op.update(snapshot=_snapshot(layout, str(template.op.module)).name, **more)
    if op != spec["op"]:
        write_json(file, {**spec, "op": op})
