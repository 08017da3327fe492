"""What a log has of a run that goes on: a line for each call that has ended, failures, and a sign of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.phase import Phase
from dflow.live.tails import last_line
from dflow.terminal.amounts import length
from dflow.terminal.frame import steps_counted
from dflow.terminal.outline import is_over
from dflow.terminal.texts import clean, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dflow.live.run import LiveRun
    from dflow.live.view import Copies, LiveNode
    from dflow.terminal.texts import Look

__all__ = ["PlainLines"]

_Timed = tuple[float, str]
_HEARTBEAT = 30.0
_MOST_CALLS = 200
_MOST_FAILURES = 50


class PlainLines:
    """Makes lines of what is new.

    A loop has one line, when it is over. There are at most 200 lines for what has succeeded and 50 for what has
    failed; after that only the signs of life go on.

    Args:
        began: in seconds since the epoch; what ended before has no line.
    """

    def __init__(self, live: LiveRun, look: Look, began: float) -> None:
        self._live = live
        self._look = look
        self._began = began
        self._said: set[str] = set()
        self._calls = 0
        self._failures = 0
        self._last = began

    def lines(self, changed: Iterable[LiveNode], now: float) -> list[str]:
        """The lines for nodes that have changed; a sign of life when there was nothing for half a minute."""
        timed: list[_Timed] = []
        for node in sorted((n for n in changed if n.phase.is_final), key=lambda n: (n.finished or 0.0, -len(n.name))):
            if node is not self._live.view.root and (node.finished or 0.0) >= self._began:
                timed += self._of(node)
        found = [line for _, line in sorted(timed, key=lambda pair: pair[0])]
        if not found and now - self._last >= _HEARTBEAT:
            found = [self._sign(now)]
        if found:
            self._last = now
        return found

    def _of(self, node: LiveNode) -> list[_Timed]:
        parent = node.parent
        if parent is None or parent.type == "Retry" or node.hidden is True or node.type in ("Skipped", "TaskGroup"):
            return []
        found = []
        at = node.finished or self._began
        if node.phase.is_failure and (node.is_leaf or node.type == "Retry"):
            self._failures += 1
            if self._failures <= _MOST_FAILURES:
                message = f": {clean(node.message)}" if node.message else ""
                found.append((at, self._line(at, node.phase, f"{_path(node)} {node.phase}{message}")))
            elif self._failures == _MOST_FAILURES + 1:
                found.append((at, f"{self._look.dots} failures that follow are not listed"))
        copies = parent.copies.get(node.call) if node.is_copy else None
        if copies is not None:
            return found + self._loop(node, copies)
        if node.phase is Phase.SUCCEEDED:
            text = f"{_path(node)} {length(node.seconds(0.0))}{' (reused)' if node.reused or node.memoized else ''}"
            found += self._call(at, self._line(at, node.phase, text))
        return found

    def _loop(self, node: LiveNode, copies: Copies) -> list[_Timed]:
        name = _path(node, of_loop=True)
        if not is_over(copies) or name in self._said:
            return []
        self._said.add(name)
        worst = Phase.FAILED if any(copies.counts[phase] for phase in Phase if phase.is_failure) else Phase.SUCCEEDED
        ends = max(one.finished or 0.0 for one in copies.nodes)
        seconds = length(max(0.0, ends - (copies.nodes[0].started or ends)))
        return self._call(ends, self._line(ends, worst, f"{name} {seconds}: {counted(copies.counts)}"))

    def _call(self, at: float, line: str) -> list[_Timed]:
        self._calls += 1
        if self._calls <= _MOST_CALLS:
            return [(at, line)]
        return [(at, f"{self._look.dots} steps that end from now on are not listed")] * (self._calls == _MOST_CALLS + 1)

    def _line(self, at: float | None, phase: Phase, text: str) -> str:
        return f"[{length(max(0.0, (at or self._began) - self._began)):>6}] {self._look.symbol(phase)} {text}"

    def _sign(self, now: float) -> str:
        view = self._live.view
        text = self._line(now, Phase.RUNNING, counted(steps_counted(view)))
        node = next(iter(view.running.values()), None)
        if node is None:
            return text
        text += f"; {_path(node)} {length(node.seconds(now))}"
        said = clean(node.note)
        if not said and node.directory is not None:
            said = clean(last_line(self._live.layout.step(node.directory).log))[:200]
        return f"{text}: {said}" if said else text


def _path(node: LiveNode, *, of_loop: bool = False) -> str:
    """``inner/train``: the calls that a node is in, and its own name."""
    names = [node.call if of_loop else node.display]
    above = node.parent
    while above is not None and above.parent is not None and len(names) < 8:
        if above.type not in ("TaskGroup", "StepGroup", "Retry"):
            names.append(above.display)
        above = above.parent
    return clean("/".join(reversed(names)))
