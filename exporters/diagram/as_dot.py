"""A graph in the language of Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.exporters.diagram.build import build_scene
from dflow.exporters.diagram.colours import PHASE_COLOURS
from dflow.exporters.diagram.scene import Box, Cluster, Point, boxes, first, last
from dflow.exporters.diagram.words import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dflow.engine.model import WorkflowGraph
    from dflow.exporters.diagram.scene import Edge, Item

__all__ = ["dot"]

_LONGEST = 60
_SHAPES = {
    "step": "box",
    "folded": "box3d",
    "again": "box",
    "suspend": "hexagon",
    "http": "parallelogram",
    "resource": "cylinder",
}
_HEAD = """  compound=true;
  rankdir=TB;
  fontname="Helvetica";
  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#57606a", fontname="Helvetica", fontsize=11];
  edge [color="#57606a", fontname="Helvetica", fontsize=9];"""


def dot(graph: WorkflowGraph, phases: Mapping[str, str] | None = None) -> str:
    """The graph as a text for Graphviz's ``dot``.

    Args:
        phases: of the nodes of a run, by display name.
    """
    scene = build_scene(graph, phases)
    items = {item.id: item for item in boxes(scene.inside)}
    lines = [f"digraph {_quoted(scene.name)} {{", _HEAD]
    for item in scene.inside:
        lines += _item(item, "  ")
    inner = [edge for item in items.values() if isinstance(item, Cluster) for edge in item.edges]
    lines += [_edge(edge, items) for edge in [*inner, *scene.edges, *scene.again]]
    return "\n".join([*lines, "}"]) + "\n"


def _item(item: Item, indent: str) -> Iterator[str]:
    match item:
        case Point(id=name):
            yield f"{indent}{name} [shape=point];"
        case Box(id=name, kind=kind):
            title = f"↻ {item.title}" if kind == "again" else item.title
            styles = ["" if kind == "folded" else "rounded", "filled", "dashed" if _is_aside(item) else ""]
            fields = {"shape": _SHAPES[kind], "style": ",".join(filter(None, styles))}
            changed = {name: text for name, text in fields.items() if text not in ("box", "rounded,filled")}
            yield f"{indent}{name} [{_fields({'label': _label(title, item), **changed, **_colours(item)})}];"
        case Cluster(id=name, inside=inside):
            yield f"{indent}subgraph cluster_{name} {{"
            style = "rounded,dashed" if item.role else "rounded"
            fields = {"label": _label(item.title, item), "style": style, **_colours(item)}
            fields.pop("fillcolor", None)
            yield from (f"{indent}  {name}={_quoted(text)};" for name, text in fields.items())
            for part in inside:
                yield from _item(part, indent + "  ")
            yield f"{indent}}}"


def _is_aside(item: Box) -> bool:
    return bool(item.role) or item.kind == "again"


def _colours(item: Box | Cluster) -> dict[str, str]:
    if item.phase is None:
        return {}
    colours = PHASE_COLOURS[item.phase]
    return {"fillcolor": colours.fill, "color": colours.line, "fontcolor": colours.text}


def _edge(edge: Edge, items: dict[str, Item]) -> str:
    source, target = items[edge.source], items[edge.target]
    fields = {}
    if edge.label:
        fields["label"] = shorten(edge.label, _LONGEST)
    if isinstance(source, Cluster):
        fields["ltail"] = f"cluster_{source.id}"
    if isinstance(target, Cluster):
        fields["lhead"] = f"cluster_{target.id}"
    if edge.kind != "then":
        fields["style"] = "dashed"
    if edge.kind == "again":
        fields["constraint"] = "false"
    shown = f" [{_fields(fields)}]" if fields else ""
    return f"  {last(source).id} -> {first(target).id}{shown};"


def _label(title: str, item: Box | Cluster) -> str:
    return "\n".join(shorten(line, _LONGEST) for line in (title, *item.lines))


def _fields(fields: dict[str, str]) -> str:
    return ", ".join(f"{name}={_quoted(text)}" for name, text in fields.items())


def _quoted(text: str) -> str:
    """A quoted string, in which a backslash is one; lines are centred."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
