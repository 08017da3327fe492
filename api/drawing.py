"""Workflows as pictures: ``wf.graph()``, and what notebooks show."""

from __future__ import annotations

import logging
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import CompileError, ConfigError, StateError, WrongValue
from dflow.engine.near import near

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import WorkflowGraph

__all__ = ["Drawing", "bundle_of", "draw", "phases_of", "table_of"]

_log = logging.getLogger("dflow")
_FORMS = ("svg", "mermaid", "dot")
_MOST = 300
_TOO_MANY = 1500
_LINES, _CHARS = 12, 120


class Drawing(str):
    """The text of a drawing; a notebook shows an SVG image as a picture.

    Attributes:
        form: ``"svg"``, ``"mermaid"`` or ``"dot"``.
    """

    __slots__ = ("form",)
    form: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": str(self)} if self.form == "svg" else {"text/plain": str(self)}


def draw(thing: Any, form: str = "svg", path: Any = None) -> Drawing:
    """The drawing of a workflow, or of a Steps or DAG.

    Args:
        path: it is written there, too.

    Raises:
        CompileError: the workflow cannot run as it is.
        ValueError: there is no such form.
        ConfigError: it cannot be written there.
    """
    from dflow.exporters import diagram

    if form not in _FORMS:
        raise WrongValue(f"form is {form!r}; it must be one of {', '.join(map(repr, _FORMS))}{near(form, _FORMS)}")
    graph, phases = _graph_and_phases(thing)
    made = Drawing(getattr(diagram, form)(graph, phases))
    made.form = form
    if path is not None:
        try:
            Path(str(path)).write_text(made, encoding="utf-8", errors="backslashreplace")
        except OSError as exc:
            raise ConfigError(f"cannot write {path}: {exc.strerror}") from exc
    return made


def phases_of(layout: RunLayout) -> dict[str, str]:
    """The phase of each display name of a run; of several nodes, the one that is worst."""
    from dflow.exporters.diagram import is_worse
    from dflow.query import read_nodes

    found: dict[str, str] = {}
    for node in read_nodes(layout):
        before = found.get(node.display)
        if before is None or is_worse(node.phase.value, before):
            found[node.display] = node.phase.value
    return found


def bundle_of(thing: Any) -> dict[str, str]:
    """What a notebook shows of a workflow, a Steps or a DAG: the picture, or the reason why there is none."""
    text = repr(thing)
    try:
        graph, phases = _graph_and_phases(thing)
        return {"image/svg+xml": _picture(graph, phases), "text/plain": text}
    except CompileError as exc:
        return _reasons(text, exc)
    except Exception as exc:  # noqa: BLE001 - a picture is no reason for a cell to fail
        _log.debug("%r cannot be drawn", thing, exc_info=True)
        return _reasons(text, exc)


def _picture(graph: WorkflowGraph, phases: Mapping[str, str] | None) -> str:
    from dflow.exporters import diagram
    from dflow.exporters.diagram.build import build_scene
    from dflow.exporters.diagram.scene import boxes

    scene = build_scene(graph, phases, _MOST)
    count = sum(1 for _ in boxes(scene.inside))
    if count > _TOO_MANY:
        raise StateError(f"{count:,} boxes are too many for a notebook; graph(path='wf.svg') draws them all")
    return diagram.svg(graph, phases, _MOST)


def _reasons(text: str, exc: Exception) -> dict[str, str]:
    said = f"{text}\n{exc if isinstance(exc, (CompileError, StateError)) else f'it cannot be drawn: {exc}'}"
    return {"text/plain": said, "text/html": f"<pre>{escape(said)}</pre>"}


def _graph_and_phases(thing: Any) -> tuple[WorkflowGraph, Mapping[str, str] | None]:
    """The graph, and the phases of its run on this machine where there is one."""
    from dflow.compile import compile_template, compile_workflow
    from dflow.engine.run_directory import load_graph

    if not hasattr(thing, "entrypoint"):
        return compile_template(thing), None
    layout = _run_of(thing)
    if layout is not None:
        return load_graph(layout), phases_of(layout)
    return compile_workflow(thing), None


def _run_of(workflow: Any) -> RunLayout | None:
    from dflow.nested import find_run

    return None if workflow.id is None else find_run(workflow.id)


# -- tables -----------------------------------------------------------------------------------------------------------


def table_of(thing: Any) -> str | None:
    """A small table of a step or a template; None when it is in a state that cannot be shown."""
    try:
        rows = _rows_of_step(thing) if hasattr(thing, "_prefix") else _rows_of_template(thing)
        body = "".join(
            f"<tr><th align='left'>{escape(name)}</th><td align='left'>{text}</td></tr>" for name, text in rows
        )
    except Exception:  # noqa: BLE001 - a table is no reason for a cell to fail
        _log.debug("%r cannot be shown", type(thing), exc_info=True)
        return None
    return f"<b>{escape(type(thing).__name__)} {escape(str(thing.name))}</b><table>{body}</table>"


def _rows_of_step(step: Any) -> list[tuple[str, str]]:
    rows = [("template", _short(f"{step.template.name} ({type(step.template).__name__})"))]
    for what, given in (("parameters", step.parameters), ("artifacts", step.artifacts)):
        if given:
            rows.append((what, "<br>".join(_short(f"{name} = {_value(value)}") for name, value in given.items())))
    fields = ("key", "when", "with_param", "with_sequence", "slices", "executor", "dependencies")
    given = [(name, getattr(step, name, None)) for name in fields]
    return rows + [(name, _short(_value(value))) for name, value in given if value not in (None, [])]


def _rows_of_template(template: Any) -> list[tuple[str, str]]:
    rows = []
    op = getattr(template, "op_class", None)
    if op is not None:
        rows.append(("OP", _short(str(getattr(op, "__name__", None) or type(op).__name__))))
    plain = [(name, getattr(template, name, None)) for name in ("image", "url")]
    rows += [(name, _short(str(value))) for name, value in plain if value]
    for side in ("inputs", "outputs"):
        ports = getattr(template, side)
        for kind in ("parameters", "artifacts"):
            declared = getattr(ports, kind).data
            if declared:
                rows.append((f"{side} ({kind})", "<br>".join(_short(_port(*item)) for item in declared.items())))
    script = str(getattr(template, "script", None) or "")
    if script and op is None:
        lines = script.strip().splitlines()
        more = ["…"] if len(lines) > _LINES else []
        rows.append(("script", f"<pre>{'<br>'.join(_short(line) for line in lines[:_LINES] + more)}</pre>"))
    return rows


def _port(name: str, item: Any) -> str:
    from dflow.expression import type_to_str

    return name if getattr(item, "type", None) is None else f"{name}: {type_to_str(item.type)}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if hasattr(value, "expr") else repr(value)


def _short(text: str) -> str:
    """Text for a cell of a table, in one line of bearable length."""
    return escape(text if len(text) <= _CHARS else text[: _CHARS - 1] + "…")
