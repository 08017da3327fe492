"""The verb ``graph``: a workflow as a drawing."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.cli.find import find_run
from dflow.cli.recording import refuse_arguments, workflow_of_script
from dflow.compile import compile_workflow
from dflow.drawing import phases_of
from dflow.engine import codec
from dflow.engine.errors import ConfigError
from dflow.engine.run_directory import load_graph
from dflow.exporters import diagram
from dflow.wiring.texts import is_wiring_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from dflow.engine.model import WorkflowGraph

__all__ = ["graph", "read_graph"]

_BY_SUFFIX = {
    ".dot": "dot",
    ".gv": "dot",
    ".mermaid": "mermaid",
    ".mmd": "mermaid",
    ".svg": "svg",
}


def graph(options: argparse.Namespace) -> None:
    """Draw a workflow: of a script, a run, a manifest or a graph in JSON."""
    form = options.format or _BY_SUFFIX.get(options.output.suffix if options.output else "", "mermaid")
    found, phases = read_graph(options.source, options.arguments)
    text = getattr(diagram, form)(found, phases)
    if options.output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        return
    try:
        options.output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as exc:
        raise ConfigError(f"cannot write {options.output}: {exc.strerror}") from exc


def read_graph(source: str, arguments: Sequence[str] = ()) -> tuple[WorkflowGraph, Mapping[str, str] | None]:
    """The graph, and the phases of its nodes when it is that of a run; ``arguments`` are those of a script."""
    file = Path(source)
    if file.suffix == ".py":
        workflow: Any = workflow_of_script(file, arguments)
        return compile_workflow(workflow), None
    refuse_arguments(source, arguments)
    if file.suffix in (".yaml", ".yml", ".json"):
        return _read_file(file), None
    layout = find_run(source)
    return load_graph(layout), phases_of(layout)


def _read_file(file: Path) -> WorkflowGraph:
    """The graph of a manifest, or of what ``to_graph_json`` wrote."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read {file}: {getattr(exc, 'strerror', None) or exc}") from exc
    if file.suffix == ".json" and _is_graph(text):
        return codec.loads(text)
    if is_wiring_text(text):
        return compile_workflow(workflow_of_script(file))
    load: Any = importlib.import_module("dflow.exporters.argo.load")
    loaded: WorkflowGraph = load.load_text(text).graph
    return loaded


def _is_graph(text: str) -> bool:
    try:
        data = json.loads(text)
    except ValueError:
        return False
    return isinstance(data, dict) and data.get("is") == "WorkflowGraph"
