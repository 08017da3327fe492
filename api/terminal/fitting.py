"""Which rows there is room for: failures and what runs stay, what is finished goes first, then what waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.terminal.outline import Row

__all__ = ["Gap", "fit", "indents"]

_WORTH_GAPS = 4


@dataclass(slots=True)
class Gap:
    """Rows that there is no room for, one after another.

    Attributes:
        depth: that of the outermost of them.
        counts: how many are in each phase.
    """

    depth: int
    counts: Counter[Phase] = field(default_factory=Counter)


def fit(rows: Sequence[Row], height: int) -> list[Row | Gap]:
    """At most so many rows and gaps, in order."""
    if len(rows) <= height:
        return list(rows)
    if height < 1:
        return []
    if height < _WORTH_GAPS:
        return [rows[index] for index in sorted(_by_importance(rows, height)[:height])]
    kept = _kept(rows, height)
    found: list[Row | Gap] = []
    for index, row in enumerate(rows):
        if kept[index]:
            found.append(row)
            continue
        gap = found[-1] if found else None
        if not isinstance(gap, Gap):
            gap = Gap(row.depth)
            found.append(gap)
        gap.depth = min(gap.depth, row.depth)
        gap.counts[row.phase] += 1
    return found


def _kept(rows: Sequence[Row], height: int) -> list[bool]:
    """Which rows stay, the most important first, as long as they and the gaps between them have room."""
    kept = [False] * len(rows)
    used = 1  # one gap, which is all
    for index in _by_importance(rows, height):
        before = index == 0 or kept[index - 1]
        after = index == len(rows) - 1 or kept[index + 1]
        more = 2 - before - after  # the row itself, and one gap more or less
        if used + more <= height:
            kept[index] = True
            used += more
    return kept


def _by_importance(rows: Sequence[Row], height: int) -> list[int]:
    failed: list[int] = []
    running: list[int] = []
    around: list[int] = []
    waiting: list[int] = []
    done: list[int] = []
    for index, row in enumerate(rows):
        if row.is_group and not row.phase.is_ok:
            around.append(index)
        elif row.phase.is_failure:
            failed.append(index)
        elif row.phase is Phase.RUNNING:
            running.append(index)
        else:
            (waiting if row.phase is Phase.PENDING else done).append(index)
    running.sort(key=lambda index: _begun(rows[index]))
    around.sort(key=lambda index: -rows[index].depth)
    most = max(1, height // 3)
    first = failed[:most] + running[:most]
    return [*first, *_parents(rows, first), *failed[most:], *running[most:], *around, *waiting, *reversed(done)]


def _parents(rows: Sequence[Row], indices: Sequence[int]) -> list[int]:
    """The rows just around some."""
    found = []
    for index in indices:
        above = index
        while above > 0 and rows[above].depth >= rows[index].depth:
            above -= 1
        if rows[above].depth < rows[index].depth:
            found.append(above)
    return list(dict.fromkeys(found))


def _begun(row: Row) -> float:
    if row.copies is not None and row.copies.nodes:
        return row.copies.nodes[0].started or float("inf")
    return (row.node.started if row.node is not None else None) or float("inf")


def indents(shown: Sequence[Row | Gap]) -> list[int]:
    """How far in each stands: by what is shown around it, not by how deep it is."""
    found = []
    around: list[int] = []
    for one in shown:
        while around and around[-1] >= one.depth:
            around.pop()
        found.append(len(around))
        if not isinstance(one, Gap):
            around.append(one.depth)
    return found
