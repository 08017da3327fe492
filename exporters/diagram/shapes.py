"""Outlines and lines as SVG paths."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Line", "Rectangle", "box_outline", "curve", "on_the_right"]

_TIP = 4.5
_CORNER = 6


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Where something is: the upper left corner, width and height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        """x of the centre."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """y of the lower side."""
        return self.y + self.height

    @property
    def right(self) -> float:
        """x of the right side."""
        return self.x + self.width

    def moved(self, x: float, y: float) -> Rectangle:
        """The same elsewhere."""
        return Rectangle(self.x + x, self.y + y, self.width, self.height)


class Line(NamedTuple):
    """A line with a tip.

    Attributes:
        path, tip: as SVG has them.
        middle: where its text goes.
    """

    path: str
    tip: str
    middle: tuple[float, float]


def box_outline(place: Rectangle, kind: str) -> str:
    """The outline of a box; ``folded`` ones have a second one behind, ``suspend`` has slanted sides."""
    if kind == "suspend":
        x, y, right, bottom = place.x, place.y, place.right, place.bottom
        middle = (y + bottom) / 2
        points = [(x, middle), (x + 10, y), (right - 10, y), (right, middle), (right - 10, bottom), (x + 10, bottom)]
        return f'<polygon points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>'
    behind = _rectangle(place.moved(4, 4)) if kind == "folded" else ""
    return behind + _rectangle(place)


def _rectangle(place: Rectangle) -> str:
    size = f'width="{place.width:.1f}" height="{place.height:.1f}" rx="{_CORNER}"'
    return f'<rect x="{place.x:.1f}" y="{place.y:.1f}" {size}/>'


def curve(source: Rectangle, target: Rectangle, way: Sequence[tuple[float, float]]) -> Line:
    """A line from the lower side of one box, through points on the way, to the upper side of another."""
    end = (target.middle, target.y)
    points = [(source.middle, source.bottom), *way, end]
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (y2 - y1) / 2
        path.append(f"C{x1:.1f} {y1 + bend:.1f} {x2:.1f} {y2 - bend:.1f} {x2:.1f} {y2:.1f}")
    tip = f"M{end[0] - _TIP:.1f} {end[1] - _TIP - 2:.1f}l{_TIP:.1f} {_TIP + 2:.1f}l{_TIP:.1f} {-_TIP - 2:.1f}"
    before = points[-2]
    return Line("".join(path), tip, ((before[0] + end[0]) / 2, (before[1] + end[1]) / 2 + 3))


def on_the_right(source: Rectangle, target: Rectangle) -> Line:
    """A line from the right side of one box around to that of one above."""
    y1, y2 = source.y + source.height / 2, target.y + target.height / 2
    far = max(source.right, target.right) + 40
    tip = f"M{target.right + _TIP + 2:.1f} {y2 - _TIP:.1f}l{-_TIP - 2:.1f} {_TIP:.1f}l{_TIP + 2:.1f} {_TIP:.1f}"
    path = f"M{source.right:.1f} {y1:.1f}C{far:.1f} {y1:.1f} {far:.1f} {y2:.1f} {target.right:.1f} {y2:.1f}"
    return Line(path, tip, (far - 10, (y1 + y2) / 2))
