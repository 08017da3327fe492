"""``dflow logs --follow``: what steps print, as they print it, from whatever process."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from dflow.cli.calls import calls_of
from dflow.cli.find import no_such_step
from dflow.engine.lease import is_running
from dflow.engine.model import Literal, Text
from dflow.engine.phase import Phase
from dflow.live.run import LiveRun
from dflow.live.tails import LogFollower
from dflow.terminal.texts import clean

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Value, WorkflowGraph
    from dflow.live.view import LiveNode

__all__ = ["follow"]

_POLL = 0.15
_PATIENCE = 10.0
_LONGEST_LINE = 1 << 20
_PIECE = 1 << 16
_TAG = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def follow(layout: RunLayout, word: str | None, tail: int | None) -> int:
    """Print what a step prints until it has ended; without one what all do, each line with the step's name.

    Raises:
        RunNotFound: there is no such step, and none can come.
    """
    run = LiveRun(layout)
    feeds = _Feeds(run, word, tail)
    feeds.take(run.catch_up())
    if word is not None and not feeds.nodes:
        _wait_for(run, word)
    began = time.monotonic()
    while True:
        is_over = _is_over(run, began) or feeds.are_over()  # looked at before the logs are, so nothing is missed
        feeds.take(run.catch_up())
        printed = feeds.pump()
        if is_over and not printed:
            feeds.close()
            return 0
        if not printed:
            time.sleep(_POLL)


def _is_over(run: LiveRun, began: float) -> bool:
    """Whether it has ended, or nobody runs it any more; one that nobody has begun yet is given a while."""
    if run.view.phase.is_final:
        return True
    patience = _PATIENCE if run.view.phase is Phase.PENDING else 0.0
    return not is_running(run.layout) and time.monotonic() - began > patience


def _wait_for(run: LiveRun, word: str) -> None:
    """A step that is not there yet: say so when it may come, else complain."""
    graph = run.graph
    if run.view.phase.is_final or graph is None or not _may_come(graph, word):
        known = [name for node in run.view.nodes.values() for name in (node.key, node.call) if name]
        raise no_such_step(run.layout, word, [*known, *(() if graph is None else _names(graph))])
    sys.stdout.flush()
    sys.stderr.write(f"dflow: step {word!r} has not begun yet\n")


def _may_come(graph: WorkflowGraph, word: str) -> bool:
    return word in _names(graph) or any(call.key is not None and _fits(call.key, word) for call in calls_of(graph))


def _names(graph: WorkflowGraph) -> set[str]:
    return {call.name for call in calls_of(graph)} | {c.key.text for c in calls_of(graph) if isinstance(c.key, Literal)}


def _fits(key: Value, word: str) -> bool:
    """Whether a key can come to be that word, as far as can be told before it is known."""
    if isinstance(key, Literal):
        return key.text == word
    if isinstance(key, Text):
        return re.fullmatch(".*".join(re.escape(part) for part in _TAG.split(key.source)), word) is not None
    return True


class _Feeds:
    """The logs of the steps that are meant.

    Attributes:
        nodes: those of them that are there, by name.
    """

    def __init__(self, run: LiveRun, word: str | None, tail: int | None) -> None:
        self.nodes: dict[str, LiveNode] = {}
        self._run = run
        self._word = word
        self._tail = tail
        self._open: dict[str, _Feed] = {}
        self._done: set[str] = set()
        self._width = 0

    def take(self, changed: list[LiveNode]) -> None:
        """Nodes that have begun, ended, or begun again."""
        for node in sorted(changed, key=lambda node: node.started or 0.0):
            if not node.is_leaf or node.directory is None or not self._is_meant(node):
                continue
            again = node.name in self._done and not node.phase.is_final
            self.nodes[node.name] = node
            if node.name in self._open or (node.name in self._done and not again):
                continue
            self._done.discard(node.name)
            title = "" if self._word is not None and not node.is_copy else clean(node.key or node.display)
            self._width = max(self._width, len(title))
            log = self._run.layout.root / node.directory / "log.txt"
            self._open[node.name] = _Feed(title, LogFollower(log, lines=None if again else self._tail))

    def _is_meant(self, node: LiveNode) -> bool:
        return self._word is None or self._word in (node.key, node.id, node.display, node.call)

    def are_over(self) -> bool:
        """Whether all steps that are meant have ended, and no more of them will come."""
        if self._word is None or not self.nodes:
            return False
        return all(node.phase.is_final and self._is_complete(node) for node in self.nodes.values())

    def _is_complete(self, node: LiveNode) -> bool:
        copies = node.parent.copies.get(node.call) if node.parent is not None and node.is_copy else None
        return copies is None or self._word in (node.key, node.id, node.display) or copies.done >= copies.expected

    def pump(self) -> bool:
        """Print what is new; whether there was something. Logs of steps that have ended are closed."""
        printed = False
        for name, feed in list(self._open.items()):
            has_ended = self.nodes[name].phase.is_final
            while feed.move(self._width):
                printed = True
                if not has_ended:
                    break  # the others have their turn
            else:
                if has_ended:
                    self._open.pop(name).close(self._width)
                    self._done.add(name)
        sys.stdout.buffer.flush()
        return printed

    def close(self) -> None:
        """Print what has no line's end yet."""
        for feed in self._open.values():
            feed.close(self._width)
        sys.stdout.buffer.flush()


class _Feed:
    """One log on its way to standard output; with a title, before each line."""

    def __init__(self, title: str, tail: LogFollower) -> None:
        self._title = title
        self._tail = tail
        self._rest = b""
        self._replaced = 0

    def move(self, width: int) -> bool:
        """Print a piece; False when there is nothing new."""
        piece = self._tail.read(_PIECE)
        if self._tail.replaced != self._replaced:
            self._replaced = self._tail.replaced
            self._print(b"(it is tried again)\n", width)
        if not piece:
            return False
        if not self._title:
            sys.stdout.buffer.write(piece)
            return True
        lines = (self._rest + piece).splitlines(keepends=True)
        self._rest = lines.pop() if not lines[-1].endswith(b"\n") and len(lines[-1]) < _LONGEST_LINE else b""
        for line in lines:
            self._print(line, width)
        return True

    def _print(self, line: bytes, width: int) -> None:
        if not self._title:
            sys.stdout.buffer.flush()
            sys.stderr.write(f"dflow: {line.decode()}")
            sys.stderr.flush()
            return
        end = b"" if line.endswith(b"\n") else b"\n"
        sys.stdout.buffer.write(f"{self._title:<{width}} | ".encode("utf-8", "replace") + line + end)

    def close(self, width: int) -> None:
        """Print what has no line's end, and read no more."""
        if self._rest:
            self._print(self._rest, width)
        self._tail.close()
