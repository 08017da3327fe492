"""What is drawn: boxes, clusters with what is inside of them, and the lines between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.phase import Phase

__all__ = ["Box", "Cluster", "Edge", "Item", "Point", "Scene", "boxes", "first", "last"]


@dataclass(slots=True)
class Box:
    """One call that is drawn as one box.

    Attributes:
        kind: ``step``, ``folded`` (a Steps or DAG of which the inside is not drawn), ``again`` (a template that is
            around it already), or the kind of a leaf that no program is: ``suspend``, ``http``, ``resource``.
        role: ``hook`` or ``exit``; empty for steps and tasks.
        lines: what is said below the title.
        phase: the worst of its nodes in a run.
    """

    id: str
    title: str
    kind: str = "step"
    role: str = ""
    lines: tuple[str, ...] = ()
    phase: Phase | None = None


@dataclass(slots=True)
class Cluster:
    """One call of a Steps or a DAG, with what is inside.

    Attributes:
        edges: between what is inside, by ids.
    """

    id: str
    title: str
    role: str = ""
    lines: tuple[str, ...] = ()
    phase: Phase | None = None
    inside: list[Item] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


@dataclass(slots=True)
class Point:
    """Where the lines of a group of parallel steps meet, so that two groups need not all be joined pairwise."""

    id: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one item to another.

    Attributes:
        kind: ``then`` (what comes after waits), ``hook``, ``exit`` or ``again`` (back to a template around it).
    """

    source: str
    target: str
    label: str = ""
    kind: str = "then"


Item: TypeAlias = Box | Cluster | Point


@dataclass(slots=True)
class Scene:
    """A whole drawing.

    Attributes:
        again: lines that go back.
        is_limited: something is folded, or left out, only because the drawing would be too large.
    """

    name: str
    inside: list[Item] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    again: list[Edge] = field(default_factory=list)
    is_limited: bool = False


def boxes(items: list[Item]) -> Iterator[Item]:
    """All items, those inside of clusters after the cluster."""
    for item in items:
        yield item
        if isinstance(item, Cluster):
            yield from boxes(item.inside)


def first(item: Item) -> Item:
    """The item itself, or the first in a cluster that is none."""
    while isinstance(item, Cluster):
        item = item.inside[0]
    return item


def last(item: Item) -> Item:
    """The item itself, or the last in a cluster that is none."""
    while isinstance(item, Cluster):
        item = item.inside[-1]
    return item
