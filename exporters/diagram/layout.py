"""Places for the boxes of a directed graph, in rows from the top to the bottom.

Every box is below those that lead to it (longest paths). In a row the order follows the mean position of neighbours;
a row that would be too wide becomes several.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Layout", "arrange"]

GAP_X, GAP_Y = 22.0, 38.0
_ROW_GAP = 16.0
_WIDEST_ROW = 10
_SWEEPS = 6
_MOST_BENDS = 4000
_BEND = 6.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are.

    Attributes:
        corners: the upper left corner of each box.
        bends: of edges that pass rows: points on the way from the first to the second box.
    """

    corners: tuple[tuple[float, float], ...]
    width: float
    height: float
    bends: Mapping[tuple[int, int], tuple[tuple[float, float], ...]]


def arrange(sizes: Sequence[tuple[float, float]], edges: Iterable[tuple[int, int]]) -> Layout:
    """A layout of boxes of these widths and heights.

    Args:
        edges: pairs of indexes; those that would close a circle do not count.
    """
    if not sizes:
        return Layout((), 0.0, 0.0, {})
    return _Arrangement(sizes, edges).layout()


class _Arrangement:
    """One layout in the making; a long edge passes each row at a bend, which is a narrow box."""

    def __init__(self, sizes: Sequence[tuple[float, float]], edges: Iterable[tuple[int, int]]) -> None:
        self._count = len(sizes)
        self._sizes = list(sizes)
        self._rank, kept = _ranks(len(sizes), sorted(set(edges)))
        self._chains: dict[tuple[int, int], list[int]] = {}
        self._before: dict[int, list[int]] = defaultdict(list)
        self._after: dict[int, list[int]] = defaultdict(list)
        self._add_edges(kept)
        self._rows = self._ordered_rows()

    def layout(self) -> Layout:
        tops = self._tops()
        centres = self._centres()
        corners = tuple((centres[i] - self._sizes[i][0] / 2, tops[i]) for i in range(self._count))
        width = max(centre + self._sizes[i][0] / 2 for i, centre in enumerate(centres))
        height = max(y + self._sizes[i][1] for i, (_, y) in enumerate(corners))
        bends = {edge: tuple((centres[bend], tops[bend]) for bend in chain) for edge, chain in self._chains.items()}
        return Layout(corners, width, height, bends)

    def _add_edges(self, edges: Sequence[tuple[int, int]]) -> None:
        counts = Counter(self._rank)
        self._limits = {rank: _row_limit(count) for rank, count in counts.items() if count > _row_limit(count)}
        length = sum(max(0, self._rank[b] - self._rank[a] - 1) for a, b in edges)
        for a, b in edges:
            passed = range(self._rank[a] + 1, self._rank[b]) if length <= _MOST_BENDS else range(0)
            chain = [self._new_bend(rank) for rank in passed if rank not in self._limits]
            if chain:
                self._chains[a, b] = chain
            for source, target in zip([a, *chain], [*chain, b], strict=True):
                self._after[source].append(target)
                self._before[target].append(source)

    def _new_bend(self, rank: int) -> int:
        self._sizes.append((_BEND, 0.0))
        self._rank.append(rank)
        return len(self._sizes) - 1

    # -- order ---------------------------------------------------------------------------------------------------

    def _ordered_rows(self) -> list[list[int]]:
        """Indexes by rank, in an order with few crossings; broad ranks in several rows."""
        layers: dict[int, list[int]] = defaultdict(list)
        for i, rank in enumerate(self._rank):
            layers[rank].append(i)
        ranks = sorted(layers)
        place = {i: float(n) for rank in ranks for n, i in enumerate(layers[rank])}
        for sweep in range(_SWEEPS):
            neighbours, order = (self._before, ranks) if sweep % 2 == 0 else (self._after, ranks[::-1])
            for rank in order:
                layer = layers[rank]
                wanted = {i: _mean([place[j] for j in neighbours[i]], place[i]) for i in layer}
                layer.sort(key=wanted.__getitem__)  # stable: equal ones stay as they are
                place.update((i, float(n)) for n, i in enumerate(layer))
        rows = []
        for rank in ranks:
            layer = layers[rank]
            limit = self._limits.get(rank, len(layer))
            rows += [layer[n : n + limit] for n in range(0, len(layer), limit)]
        return rows

    # -- coordinates ---------------------------------------------------------------------------------------------

    def _tops(self) -> list[float]:
        tops = [0.0] * len(self._sizes)
        y, before = 0.0, None
        for row in self._rows:
            rank, height = self._rank[row[0]], max(self._sizes[i][1] for i in row)
            if before is not None:
                y += _ROW_GAP if rank == before else GAP_Y
            for i in row:
                tops[i] = y + (height / 2 if i >= self._count else 0.0)
            y, before = y + height, rank
        return tops

    def _centres(self) -> list[float]:
        centres = [0.0] * len(self._sizes)
        for row in self._rows:
            self._spread(row, dict.fromkeys(row, 0.0), centres)
        for neighbours, rows in ((self._before, self._rows), (self._after, self._rows[::-1])) * 2:
            for row in rows:
                wanted = {i: _mean([centres[j] for j in neighbours[i]], centres[i]) for i in row}
                self._spread(row, wanted, centres)
        left = min(centre - self._sizes[i][0] / 2 for i, centre in enumerate(centres))
        return [centre - left for centre in centres]

    def _spread(self, row: Sequence[int], wanted: Mapping[int, float], centres: list[float]) -> None:
        """Put a row where it wants to be, on the whole, without overlaps."""
        edge = -math.inf
        for i in row:
            half = self._sizes[i][0] / 2
            centres[i] = max(wanted[i], edge + half)
            edge = centres[i] + half + GAP_X
        shift = _mean([wanted[i] - centres[i] for i in row], 0.0)
        for i in row:
            centres[i] += shift


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> tuple[list[int], list[tuple[int, int]]]:
    """How many boxes the longest path to each has before it; and the edges that go down."""
    after: dict[int, list[int]] = defaultdict(list)
    for a, b in edges:
        if a != b:
            after[a].append(b)
    order = _in_order(count, after)
    place = {i: number for number, i in enumerate(order)}
    rank = [0] * count
    kept = []
    for a in order:
        for b in after.get(a, ()):
            if place[a] < place[b]:  # others would close a circle
                kept.append((a, b))
                rank[b] = max(rank[b], rank[a] + 1)
    return rank, kept


def _in_order(count: int, after: Mapping[int, Sequence[int]]) -> list[int]:
    """All boxes, each after those that lead to it; a circle begins with its lowest index."""
    missing = Counter(b for targets in after.values() for b in targets)
    waiting = dict.fromkeys(range(count))
    ready = deque(i for i in range(count) if not missing[i])
    order = []
    while waiting:
        i = ready.popleft() if ready else next(iter(waiting))
        if i not in waiting:
            continue
        del waiting[i]
        order.append(i)
        for b in after.get(i, ()):
            missing[b] -= 1
            if not missing[b]:
                ready.append(b)
    return order


def _row_limit(count: int) -> int:
    return max(_WIDEST_ROW, math.ceil(math.sqrt(count)))


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
