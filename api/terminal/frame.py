"""What stands in the rows: symbols, names, times, bars, progress, the newest line of a log."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from dflow.engine.model import SuspendTemplate
from dflow.engine.phase import Phase
from dflow.live.calls import templates_of
from dflow.live.tails import last_line
from dflow.terminal.amounts import length
from dflow.terminal.fitting import Gap, fit, indents
from dflow.terminal.outline import Outline, is_over
from dflow.terminal.texts import Part, cells, clean, clip, counted, style_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.live.run import LiveRun
    from dflow.live.view import Copies, LiveNode, RunView
    from dflow.terminal.outline import Row
    from dflow.terminal.texts import Line, Look

__all__ = ["Frame", "progress_of", "steps_counted"]

_NAME = 36
_BAR = 20
_TIME = 7
_MOST = 64
_LOGS = 5


def steps_counted(view: RunView) -> Counter[Phase]:
    """How many steps are in each phase; attempts that were made good by another one, or may be, are left out."""
    counts = Counter({phase: count for phase, count in view.counts.items() if count})
    for node in view.failures.values():
        if (
            node.is_leaf
            and node.parent is not None
            and node.parent.type == "Retry"
            and not node.parent.phase.is_failure
        ):
            counts[node.phase] -= 1
    return counts


def progress_of(live: LiveRun, node: LiveNode) -> str:
    """How far a step says that it is, ``N/M``; "" when it says nothing."""
    if node.directory is None:
        return ""
    try:
        with live.layout.step(node.directory).progress.open("rb") as stream:
            return clean(stream.read(_MOST).decode("utf-8", "replace"))
    except OSError:
        return ""


class Frame:
    """Makes the lines in which a run is shown, again and again.

    Args:
        whole: show what is in finished groups, too.
        began: when the display of it did, for the time in the first line; else when the run did.
    """

    def __init__(self, live: LiveRun, look: Look, *, whole: bool = False, began: float | None = None) -> None:
        self._live = live
        self._look = look
        self._whole = whole
        self._began = began
        self._outline: Outline | None = None
        self._of: RunView | None = None
        self._ends: dict[int, tuple[int, float]] = {}

    def lines(self, width: int, height: int, now: float) -> list[Line]:
        """At most so many lines, none wider than that."""
        view = self._live.view
        if self._outline is None or self._of is not view:
            self._outline, self._of = Outline(templates_of(self._live.graph), whole=self._whole), view
            self._ends = {}
        rows = self._outline.rows(view)
        longest, log = self._newest(view) if height > 3 else (None, "")
        room = height - 1 - bool(log)
        shown = fit(rows, room)
        lines = [self._first(view, rows, now), *self._body(shown, longest, log, width, now)]
        return [clip(line, width, self._look) for line in lines[: max(0, height)]]

    def _first(self, view: RunView, rows: Sequence[Row], now: float) -> Line:
        """The run, its time, how many steps are in each phase."""
        counts = steps_counted(view)
        done = sum(count for phase, count in counts.items() if phase.is_final)
        coming = sum(_coming(row) for row in rows)
        total = sum(counts.values()) + coming
        began = view.started if self._began is None else self._began
        seconds = 0.0 if began is None else max(0.0, (view.finished or now) - began)
        more = {phase: counts[phase] for phase in (Phase.RUNNING, Phase.FAILED, Phase.ERROR)}
        state = "suspended" if self._live.layout.suspended.exists() and not view.phase.is_final else ""
        parts = [f"{done:,} of {total:,} done" if total else "", counted(more), state]
        return [
            Part(self._look.symbol(view.phase) + " ", style_of(view.phase)),
            Part(clean(view.run), "bold"),
            Part(f"  {length(seconds)}  "),
            Part(", ".join(part for part in parts if part), "dim"),
        ]

    def _body(
        self, shown: Sequence[Row | Gap], longest: LiveNode | None, log: str, width: int, now: float
    ) -> list[Line]:
        deep = max(2, width // 3)
        places = [min(2 + 2 * place, deep) for place in indents(shown)]
        pairs = list(zip(shown, places, strict=True))
        names = [place + 2 + cells(clean(one.name)) for one, place in pairs if not isinstance(one, Gap)]
        column = min(max(names, default=0), max(_NAME, deep + 12), max(8, width // 2))
        at = _row_of(shown, longest) if log else None
        found: list[Line] = []
        for one, place in pairs:
            if isinstance(one, Gap):
                more = f"{sum(one.counts.values()):,} more: " if len(one.counts) > 1 else ""
                found.append([Part(f"{' ' * place}{self._look.dots} {more}{counted(one.counts)}", "dim")])
                continue
            found.append(self._row(one, place, column, now))
            if one is at and longest is not None:
                is_its = one.node is longest or (
                    one.node is longest.parent and one.node is not None and one.node.type == "Retry"
                )
                whose = "" if is_its else f"{clean(longest.key or longest.display)}: "
                found.append([Part(f"{' ' * (place + 2)}{self._look.edge} {whose}{log}", "dim")])
        return found

    def _row(self, row: Row, place: int, column: int, now: float) -> Line:
        style = style_of(row.phase)
        name = clip([Part(clean(row.name))], max(4, column - place - 2), self._look)
        wide = place + 2 + sum(cells(part.text) for part in name)
        faint = "dim" if row.phase in (Phase.PENDING, Phase.SKIPPED, Phase.OMITTED) else ""
        line = [Part(" " * place), Part(self._look.symbol(row.phase) + " ", style)]
        line += [Part(part.text, faint) for part in name]
        details = self._loop(row.copies) if row.copies is not None else self._details(row)
        seconds = self._seconds(row, now)
        if seconds is None and not details:
            return line
        time = "" if seconds is None else length(seconds)
        line.append(Part(f"{' ' * max(0, column - wide)}  {time:>{_TIME}}"))
        return [*line, Part("  "), *details] if details else line

    def _loop(self, copies: Copies) -> Line:
        line = []
        if not is_over(copies):
            line = [*self._look.bar(copies.done, copies.expected, _BAR), Part("  ")]
        line.append(Part(f"{copies.done:,}/{copies.expected:,}"))
        running, failed = copies.counts[Phase.RUNNING], copies.counts[Phase.FAILED] + copies.counts[Phase.ERROR]
        if running:
            line.append(Part(f"  {running:,} running", "cyan"))
        if failed:
            first = next((node for node in copies.nodes if node.phase.is_failure), None)
            which = (
                f" ({clean(first.key or first.display)}{', ' + self._look.dots if failed > 1 else ''})" if first else ""
            )
            line.append(Part(f"  {failed:,} failed{which}", "red"))
        return line

    def _details(self, row: Row) -> Line:
        node = row.node
        if node is None:
            return []
        words = []
        attempts = 0
        if node.type == "Retry" and node.children:
            attempts, node = len(node.children), node.children[-1]
        if attempts > 1:
            words.append(f"attempt {attempts}")
        if row.phase.is_failure:
            text = clean((row.node or node).message or node.message)
            return [Part("  ".join([*words, text] if not row.is_group and text else words), "red")]
        if row.phase is Phase.RUNNING and not row.is_group:
            words += [progress_of(self._live, node), clean(node.note) or self._waits(node)]
        if node.reused or node.memoized:
            words.append("reused")
        text = "  ".join(word for word in words if word)
        return [Part(text, "dim")] if text else []

    def _waits(self, node: LiveNode) -> str:
        """What a step waits for that does nothing, and has no end of its own."""
        graph = self._live.graph if node.type == "Suspend" else None
        template = templates_of(graph).get(node.template)
        return "waits for: dflow resume" if isinstance(template, SuspendTemplate) and template.duration is None else ""

    def _seconds(self, row: Row, now: float) -> float | None:
        if row.copies is None:
            has_time = row.node is not None and row.node.started is not None and row.node.type != "Skipped"
            return row.node.seconds(now) if has_time and row.node is not None else None
        if not row.copies.nodes:
            return None
        return max(0.0, self._end(row.copies, now) - (row.copies.nodes[0].started or now))

    def _end(self, copies: Copies, now: float) -> float:
        """When the last copy ended; now while there is one to come."""
        if not is_over(copies):
            return now
        kept = self._ends.get(id(copies))
        if kept is None or kept[0] != copies.done:
            end = max(node.finished or 0.0 for node in copies.nodes)
            kept = self._ends[id(copies)] = (copies.done, end)
        return kept[1]

    def _newest(self, view: RunView) -> tuple[LiveNode | None, str]:
        """Of what runs longest and has printed something, the newest line."""
        for node in islice(view.running.values(), _LOGS):
            if node.directory is not None:
                text = clean(last_line(self._live.layout.step(node.directory).log))
                if text:
                    return node, text
        return None, ""


def _coming(row: Row) -> int:
    """How many steps are still to begin, as far as is known."""
    if row.copies is not None:
        return row.copies.expected - len(row.copies.nodes)
    return 1 if row.node is None and row.phase is Phase.PENDING else 0


def _row_of(shown: Sequence[Row | Gap], node: LiveNode | None) -> Row | None:
    """The row that a node is in; the innermost one."""
    rows: dict[int, Row] = {}
    for one in shown:
        if not isinstance(one, Gap) and (one.copies or one.node) is not None:
            rows[id(one.copies or one.node)] = one
    while node is not None:
        found = rows.get(id(node))
        copies = None if node.parent is None else node.parent.copies.get(node.call)
        if found is None and copies is not None:
            found = rows.get(id(copies))
        if found is not None:
            return found
        node = node.parent
    return None
