"""A graph as an SVG image: text and style in one file, for light and dark pages."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from dflow.exporters.diagram.build import build_scene
from dflow.exporters.diagram.layout import arrange
from dflow.exporters.diagram.scene import Box, Cluster, Point
from dflow.exporters.diagram.shapes import Rectangle, box_outline, curve, on_the_right
from dflow.exporters.diagram.style import STYLE
from dflow.exporters.diagram.words import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dflow.engine.model import WorkflowGraph
    from dflow.exporters.diagram.scene import Edge, Item
    from dflow.exporters.diagram.shapes import Line

__all__ = ["svg"]

_LONGEST = 42
_CHAR, _TITLE_CHAR = 6.4, 7.2
_LINE, _TITLE_LINE = 15.0, 18.0
_PADDING = 14.0
_MARGIN = 12.0
_POINT = 6.0
_NOTE = "Not all is drawn."


def svg(graph: WorkflowGraph, phases: Mapping[str, str] | None = None, most: int | None = None) -> str:
    """The graph as an SVG image.

    Args:
        phases: of the nodes of a run, by display name; boxes get their colours, and say them.
        most: about so many boxes at most; a note says that there would be more.
    """
    scene = build_scene(graph, phases, most)
    drawing = _Drawing()
    width, height = drawing.place(scene.inside, scene.edges)
    drawing.move(scene.inside, _MARGIN, _MARGIN)
    body = [*drawing.inside(scene.inside, scene.edges), *drawing.back(scene.again)]
    width = max(width + 2 * _MARGIN, *(drawing.right_of(edge) for edge in scene.again), 0.0)
    height += 2 * _MARGIN
    if scene.is_limited and most is not None:
        width = max(width, _width(_NOTE) * _CHAR + 2 * _MARGIN)
        body.append(f'<text class="line" x="{_MARGIN:.0f}" y="{height + 4:.0f}">{_NOTE}</text>')
        height += _LINE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dflow-graph" role="img" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">'
    )
    title = f"<title>{_escaped(scene.name)}</title>"
    return "\n".join([head, title, f"<style>{STYLE}</style>", *body, "</svg>"]) + "\n"


@dataclass(slots=True)
class _Drawing:
    """Places of all items, and what is drawn there.

    Attributes:
        rectangles: by the ids of items; relative to the cluster around until they are moved.
    """

    rectangles: dict[str, Rectangle] = field(default_factory=dict)
    _ways: dict[tuple[str, str], Sequence[tuple[float, float]]] = field(default_factory=dict)

    # -- places --------------------------------------------------------------------------------------------------

    def place(self, items: Sequence[Item], edges: Sequence[Edge]) -> tuple[float, float]:
        """Give items their places relative to what is around them; its size."""
        sizes = [self._size(item) for item in items]
        index = {item.id: n for n, item in enumerate(items)}
        layout = arrange(sizes, [(index[edge.source], index[edge.target]) for edge in edges])
        for item, (x, y), (width, height) in zip(items, layout.corners, sizes, strict=True):
            self.rectangles[item.id] = Rectangle(x, y, width, height)
        for (a, b), bends in layout.bends.items():
            self._ways[items[a].id, items[b].id] = bends
        return layout.width, layout.height

    def _size(self, item: Item) -> tuple[float, float]:
        match item:
            case Point():
                return _POINT, _POINT
            case Box(title=title, lines=lines):
                width = max([_width(title) * _TITLE_CHAR, *(_width(line) * _CHAR for line in lines)])
                return max(64.0, width + 24), _TITLE_LINE + len(lines) * _LINE + 14
            case Cluster(title=title, lines=lines, inside=inside, edges=edges):
                width, height = self.place(inside, edges)
                said = max([_width(title) * _TITLE_CHAR, *(_width(line) * _CHAR for line in lines)])
                return max(width, said) + 2 * _PADDING, height + _head(item) + _PADDING

    def move(self, items: Sequence[Item], x: float, y: float) -> None:
        """Make places absolute."""
        for item in items:
            place = self.rectangles[item.id].moved(x, y)
            self.rectangles[item.id] = place
            if isinstance(item, Cluster):
                for edge in item.edges:
                    way = self._ways.get((edge.source, edge.target), ())
                    corner = place.x + _PADDING, place.y + _head(item)
                    self._ways[edge.source, edge.target] = [(a + corner[0], b + corner[1]) for a, b in way]
                self.move(item.inside, place.x + _PADDING, place.y + _head(item))

    # -- what is drawn -------------------------------------------------------------------------------------------

    def inside(self, items: Sequence[Item], edges: Sequence[Edge]) -> Iterator[str]:
        """Lines first, so that boxes cover them; then boxes."""
        for edge in edges:
            yield from self._edge(edge)
        for item in items:
            yield from self._item(item)

    def _item(self, item: Item) -> Iterator[str]:
        place = self.rectangles[item.id]
        if isinstance(item, Point):
            yield f'<circle class="point" cx="{place.middle:.1f}" cy="{place.y + _POINT / 2:.1f}" r="3"/>'
            return
        classes = ["cluster" if isinstance(item, Cluster) else "box", *([item.role] if item.role else [])]
        if isinstance(item, Box) and item.kind != "step":
            classes.append(item.kind)
        if item.phase is not None:
            classes.append(item.phase.value)
        yield f'<g class="{" ".join(classes)}">'
        yield f"<title>{_escaped(chr(10).join((item.title, *item.lines)))}</title>"
        if isinstance(item, Cluster):
            yield box_outline(place, "step")
            yield from _words(item, place.x + _PADDING, place.y + 16, "start")
            yield "</g>"
            yield from self.inside(item.inside, item.edges)
        else:
            yield box_outline(place, item.kind)
            yield from _words(item, place.middle, place.y + 19, "middle")
            yield "</g>"

    def _edge(self, edge: Edge) -> Iterator[str]:
        source, target = self.rectangles[edge.source], self.rectangles[edge.target]
        way = self._ways.get((edge.source, edge.target), ())
        yield from _line(edge, curve(source, target, way))

    def right_of(self, edge: Edge) -> float:
        """How far to the right a line that goes back reaches, with its text."""
        line = on_the_right(self.rectangles[edge.source], self.rectangles[edge.target])
        return line.middle[0] + _width(edge.label) * _CHAR / 2 + _MARGIN

    def back(self, edges: Sequence[Edge]) -> Iterator[str]:
        """Lines that go back to a template around."""
        for edge in edges:
            yield from _line(edge, on_the_right(self.rectangles[edge.source], self.rectangles[edge.target]))


def _line(edge: Edge, line: Line) -> Iterator[str]:
    if edge.kind == "then":
        yield f'<path class="edge" d="{line.path}{line.tip}"/>'
    else:
        yield f'<path class="edge aside" d="{line.path}"/><path class="edge" d="{line.tip}"/>'
    if edge.label:
        text, (x, y) = _escaped(shorten(edge.label, _LONGEST)), line.middle
        yield f'<text class="on-edge" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{text}</text>'


def _words(item: Box | Cluster, x: float, y: float, anchor: str) -> Iterator[str]:
    title = f"↻ {item.title}" if isinstance(item, Box) and item.kind == "again" else item.title
    for number, text in enumerate((title, *item.lines)):
        classes = "title" if number == 0 else "line"
        shown = _escaped(shorten(text, _LONGEST))
        yield f'<text class="{classes}" x="{x:.1f}" y="{y + number * _LINE:.1f}" text-anchor="{anchor}">{shown}</text>'


def _head(cluster: Cluster) -> float:
    """The height of what is written above the inside of a cluster."""
    return _TITLE_LINE + len(cluster.lines) * _LINE + 10


def _width(text: str) -> float:
    shown = shorten(text, _LONGEST)
    return len(shown) + sum(unicodedata.east_asian_width(c) in "WF" for c in shown)


def _escaped(text: str) -> str:
    """Text for XML, without characters that XML cannot have."""
    return escape("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))
