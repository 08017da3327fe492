"""A graph as a Mermaid flowchart."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from dflow.exporters.diagram.build import build_scene
from dflow.exporters.diagram.colours import PHASE_COLOURS
from dflow.exporters.diagram.scene import Box, Cluster, Point, boxes
from dflow.exporters.diagram.words import TIMES, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dflow.engine.model import WorkflowGraph
    from dflow.exporters.diagram.scene import Edge, Item, Scene

__all__ = ["mermaid"]

_LONGEST = 60
_SHAPES = {
    "step": ("[", "]"),
    "folded": ("[[", "]]"),
    "again": ("([", "])"),
    "suspend": ("{{", "}}"),
    "http": ("[/", "/]"),
    "resource": ("[(", ")]"),
}
_ARROWS = {"then": "-->", "hook": "-.->", "exit": "-.->", "again": "-.->"}
_UNSAFE = re.compile(rf"[^\w .,:;=+*/'…{TIMES}↻✔✖●◷○⚠■-]")


def mermaid(graph: WorkflowGraph, phases: Mapping[str, str] | None = None) -> str:
    """The graph as the text of a Mermaid flowchart.

    Args:
        phases: of the nodes of a run, by display name.
    """
    scene = build_scene(graph, phases)
    lines = ["flowchart TD"]
    for item in scene.inside:
        lines += _item(item, "  ")
    edges = [*_edges_inside(scene.inside), *scene.edges, *scene.again]
    lines += [_edge(edge) for edge in edges]
    lines += _classes(scene)
    return "\n".join(lines) + "\n"


def _item(item: Item, indent: str) -> Iterator[str]:
    match item:
        case Point(id=name):
            yield f'{indent}{name}((" "))'
        case Box(id=name, kind=kind):
            opening, closing = _SHAPES[kind]
            yield f"{indent}{name}{opening}{_label(item)}{closing}"
        case Cluster(id=name, inside=inside):
            yield f"{indent}subgraph {name}[{_label(item)}]"
            for inner in inside:
                yield from _item(inner, indent + "  ")
            yield f"{indent}end"


def _label(item: Box | Cluster) -> str:
    title = f"↻ {item.title}" if isinstance(item, Box) and item.kind == "again" else item.title
    between = "<br/>" if isinstance(item, Box) else " · "
    return '"' + between.join(_escaped(shorten(line, _LONGEST)) for line in (title, *item.lines)) + '"'


def _escaped(text: str) -> str:
    """Text in which nothing means anything to Mermaid or HTML."""
    return _UNSAFE.sub(lambda match: f"#{ord(match[0])};", text) or " "


def _edges_inside(items: list[Item]) -> Iterator[Edge]:
    for item in boxes(items):
        if isinstance(item, Cluster):
            yield from item.edges


def _edge(edge: Edge) -> str:
    label = f'|"{_escaped(shorten(edge.label, _LONGEST))}"|' if edge.label else ""
    return f"  {edge.source} {_ARROWS[edge.kind]}{label} {edge.target}"


def _classes(scene: Scene) -> Iterator[str]:
    """Dashed borders and colours."""
    members: dict[str, list[str]] = defaultdict(list)
    for item in boxes(scene.inside):
        if isinstance(item, Point):
            members["point"].append(item.id)
            continue
        if item.phase is not None:
            members[item.phase.value].append(item.id)
        if item.role or (isinstance(item, Box) and item.kind == "again"):
            members["aside"].append(item.id)
    for phase, colours in PHASE_COLOURS.items():
        if phase.value in members:
            yield f"  classDef {phase.value} fill:{colours.fill},stroke:{colours.line},color:{colours.text}"
    if "aside" in members:
        yield "  classDef aside stroke-dasharray:4 3"
    if "point" in members:
        yield "  classDef point fill:#888888,stroke:#888888,font-size:1px"
    for name in sorted(members):
        yield f"  class {','.join(members[name])} {name}"
