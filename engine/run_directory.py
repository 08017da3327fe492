"""The directory of a run: made for a new one, and what it says of the workflow."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine import codec
from dflow.engine.errors import StateError
from dflow.engine.layout import RunLayout
from dflow.engine.model import PythonOpTemplate, StepsTemplate
from dflow.engine.phase import Phase
from dflow.engine.runnable import refuse
from dflow.engine.settings import RunSettings, save_settings
from dflow.engine.state import read_text, write_json, write_text, writing

if TYPE_CHECKING:
    from dflow.engine.model import WorkflowGraph

__all__ = ["create_run", "load_graph", "write_graph"]


def create_run(root: Path, graph: WorkflowGraph, settings: RunSettings) -> RunLayout:
    """Make the directory of a new run; nothing is started.

    It is made under another name and renamed when it is complete, so a kill leaves a run or none.

    Raises:
        CompileError: the graph cannot be run here.
        StateError: there is something of that name, or the file system refuses.
    """
    refuse(graph, reaches_store=settings.objects is not None)
    if root.exists():
        raise StateError(
            f"{root} is there already: choose another id, or continue that run with: dflow resume {root.name}"
        )
    making = root.with_name(f".{root.name}.{os.getpid()}")
    shutil.rmtree(making, ignore_errors=True)
    try:
        _fill_directory(RunLayout(making), graph, settings, root)
        with writing(root):
            making.rename(root)
    except StateError as exc:
        shutil.rmtree(making, ignore_errors=True)
        text = str(exc).replace(str(making), str(root)).replace(", then resume", ", then submit again")
        raise StateError(text) from exc.__cause__
    return RunLayout(root)


def _fill_directory(layout: RunLayout, graph: WorkflowGraph, settings: RunSettings, home: Path) -> None:
    with writing(layout.root):
        layout.root.mkdir(0o755, parents=True)  # whoever else can write in it can have code run
        layout.ops.mkdir(parents=True, mode=0o700)
        layout.private.chmod(0o700)
        layout.lib.mkdir()
        layout.lib.joinpath("dflow").symlink_to(settings.library)
        for package in settings.packages:
            target = layout.lib / Path(package).name
            if not target.exists():
                target.symlink_to(package)
    write_text(layout.status, Phase.PENDING.value)
    write_graph(layout, graph, settings, home=home)


def write_graph(layout: RunLayout, graph: WorkflowGraph, settings: RunSettings, *, home: Path | None = None) -> None:
    """Write, or replace, what a run directory holds of the workflow itself.

    Args:
        home: where the run directory is going to be, when it is still made.
    """
    for template in graph.templates:
        if isinstance(template, PythonOpTemplate):
            data = {"op": codec.encode(template.op), "path": settings.module_path, "save": settings.save_copy_method}
            write_json(layout.ops / f"{template.name}.json", data)
    save_settings(layout.settings, settings)
    entry = next(t for t in graph.templates if t.name == graph.entrypoint)
    write_text(layout.type, "Steps" if isinstance(entry, StepsTemplate) else "DAG")
    write_text(layout.graph, codec.dumps(graph, home=str((home or layout.root).absolute())), mode=0o600)


def load_graph(layout: RunLayout) -> WorkflowGraph:
    """The graph of a run.

    Raises:
        StateError: it is missing or damaged.
    """
    try:
        return codec.loads(read_text(layout.graph), root=str(layout.root.absolute()))
    except OSError as exc:
        raise StateError(f"cannot read the graph of the run in {layout.graph}: {exc.strerror}") from exc
    except StateError as exc:
        raise StateError(f"cannot read the graph of the run in {layout.graph}: {exc}") from exc
