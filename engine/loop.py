"""The engine's loop: small pieces of work in a queue, and beside it the leaf steps that run.

Everything but the running of programs happens in one thread, piece by piece, so a workflow that nests a thousand deep
needs no deeper stack than a flat one, and a node that waits costs no task.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from dflow.engine.errors import DflowError, StateError
from dflow.engine.model import ResourceTemplate
from dflow.engine.phase import Phase
from dflow.engine.records import record
from dflow.engine.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup
    from dflow.engine.attempts import LeafRunner
    from dflow.engine.groups import Group
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.node import Node
    from dflow.engine.pace import Pace

    _Leaf = tuple[Node, LeafTemplate, Group | None]

__all__ = ["Limits", "WorkLoop"]

_log = logging.getLogger("dflow.engine")
BATCH = 64
_LOOK_AGAIN = 0.02  # seconds, while other runs hold the places for leaf steps


@record(frozen=True, slots=True)
class Limits:
    """How many leaf steps run at once; None means no limit.

    Attributes:
        here: on this machine.
        total: with those that run elsewhere.
        pace: how many begin in a stretch of time; None for any number.
    """

    here: int | None
    total: int | None
    pace: Pace | None = None


class WorkLoop(ABC):
    """Does what is posted, and runs leaf steps as places become free.

    Attributes:
        stopping: why the run is being ended; None while it is not.
    """

    def __init__(
        self, layout: RunLayout, runner: LeafRunner, limits: Limits, shared: Slots | None, *, parallel: bool
    ) -> None:
        limit = limits.here
        self._runner = runner
        self._limit = limit
        self._total = limits.total
        self._pace = limits.pace
        self._shared = shared is not None
        self._slots = shared or (Slots.make(layout, limit) if parallel and limit is not None else None)
        self._held: dict[str, int] = {}
        self._starved = False
        self._work: deque[Callable[[], None]] = deque()
        self._leaves: deque[_Leaf] = deque()
        self._away: deque[_Leaf] = deque()
        self._here = 0
        self._running: dict[str, anyio.CancelScope] = {}
        self._tasks: TaskGroup | None = None
        self._wake = anyio.Event()
        self._stopped = anyio.Event()
        self._broken: DflowError | None = None
        self._suspended = False
        self._over = False
        self.stopping: str | None = None

    @abstractmethod
    def _finish(self, node: Node, group: Group | None, phase: Phase, message: str) -> None:
        """A node is done."""

    async def _run_all(self, first: Callable[[], None]) -> None:
        """Do the first piece of work and all that comes of it.

        Raises:
            StateError: the run directory cannot be written.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self._post(first)
            while not self._over and self._broken is None:
                self._do_some_work()
                self._start_leaves(tasks)
                if self._work:
                    await anyio.lowlevel.checkpoint()
                elif not self._over:
                    await self._wait()
            tasks.cancel_scope.cancel()
        if self._broken is not None:
            raise self._broken

    async def _wait(self) -> None:
        """Wait until there is something to do; for places that other runs hold, not long."""
        if self._starved:
            with anyio.move_on_after(_LOOK_AGAIN):
                await self._wake.wait()
        else:
            await self._wake.wait()
        self._wake = anyio.Event()

    def post(self, work: Callable[[], None]) -> None:
        """Do a piece of work soon."""
        self._post(work)

    def follow(self) -> None:
        """Bring the logs up to date of programs whose standard output goes elsewhere."""
        self._runner.follow()

    def suspend(self, *, on: bool) -> None:
        """Start no more leaf steps, or go on; those that run are left alone."""
        self._suspended = on
        self._wake.set()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do a piece of work after some time, or as soon as the run is being ended."""
        assert self._tasks is not None  # noqa: S101 - work is done only while the loop runs
        self._tasks.start_soon(self._wait_then, seconds, work)

    async def _wait_then(self, seconds: float, work: Callable[[], None]) -> None:
        with anyio.move_on_after(seconds):
            await self._stopped.wait()
        self._post(work)

    def _end_steps(self, why: str) -> None:
        """End all running steps; those that wait for a place become Failed."""
        self.stopping = why
        self._runner.stopping = True
        self._stopped.set()
        for scope in self._running.values():
            scope.cancel()
        for node, _, group in (*self._leaves, *self._away):
            self._post(partial(self._finish, node, group, Phase.FAILED, why))
        self._leaves.clear()
        self._away.clear()
        self._wake.set()

    def _allow_steps(self) -> None:
        """After all has ended, let steps run again."""
        self.stopping = None
        self._suspended = False
        self._runner.stopping = False
        self._stopped = anyio.Event()

    def _post(self, work: Callable[[], None]) -> None:
        self._work.append(work)
        self._wake.set()

    def _do_some_work(self) -> None:
        try:
            for _ in range(BATCH):
                if not self._work:
                    break
                self._work.popleft()()
        except StateError as exc:
            self._broken = exc
        except Exception as exc:  # noqa: BLE001 - a fault of ours must end the run, not hang it
            _log.exception("internal error")
            self._broken = DflowError(f"internal error, please report it: {type(exc).__name__}: {exc}")
            self._broken.__cause__ = exc
        if self._broken is not None:
            self._wake.set()  # nobody else may be left to wake the loop

    def _queue(self, node: Node, template: LeafTemplate, group: Group | None) -> None:
        """Have a leaf run as soon as there is a place for it."""
        is_away = isinstance(template, ResourceTemplate) or self._runner.is_elsewhere(node.call)
        queue = self._away if is_away else self._leaves
        queue.append((node, template, group))

    def withdraw(self, group: Group) -> int:
        """Let those leaf steps of a group go that wait for a place: they leave no trace. How many they were."""
        count = 0
        for queue in (self._leaves, self._away):
            kept = [leaf for leaf in queue if leaf[2] is not group]
            count += len(queue) - len(kept)
            queue.clear()
            queue.extend(kept)
        return count

    def _start_leaves(self, tasks: TaskGroup) -> None:
        """Start what may, from both queues by turns."""
        self._starved = False
        while self._start_here(tasks) | self._start_away(tasks):
            pass
        if self._pace is not None and (self._leaves or self._away):
            self._look_again_in_time(self._pace)

    def _look_again_in_time(self, pace: Pace) -> None:
        """Be awake when the next batch may begin."""
        left = pace.left()
        if left and not pace.waits:
            pace.waits = True
            self.later(left, partial(setattr, pace, "waits", False))

    def _start_away(self, tasks: TaskGroup) -> bool:
        may = bool(self._away) and self._may_start(self._total, len(self._running))
        if may:
            self._start(tasks, self._away.popleft())
        return may

    def _start_here(self, tasks: TaskGroup) -> bool:
        may = self._may_start(self._limit, self._here) and self._may_start(self._total, len(self._running))
        if not self._leaves or not may or self._starved:
            return False
        if self._slots is not None:
            slot = self._slots.take()
            if slot is None:  # runs in our steps, or around us, have them all
                self._starved = True
                return False
            self._held[self._leaves[0][0].id] = slot
        self._here += 1
        self._start(tasks, self._leaves.popleft(), is_here=True)
        return True

    def _may_start(self, limit: int | None, running: int) -> bool:
        is_open = self._broken is None and not self._suspended
        is_time = self._pace is None or not self._pace.left()
        return is_open and is_time and (limit is None or running < limit)

    def _start(self, tasks: TaskGroup, leaf: _Leaf, *, is_here: bool = False) -> None:
        if self._pace is not None:
            self._pace.begin()
        self._running[leaf[0].id] = scope = anyio.CancelScope()
        tasks.start_soon(self._run_leaf, leaf, scope, is_here)

    async def _run_leaf(self, leaf: _Leaf, scope: anyio.CancelScope, is_here: bool) -> None:
        node, template, group = leaf
        try:
            with scope:
                phase, message = await self._runner.run(node, template)
            if scope.cancelled_caught:
                phase, message = Phase.FAILED, self.stopping or "stopped"
            self._post(lambda: self._finish(node, group, phase, message))
        except StateError as exc:
            self._broken = exc
            self._wake.set()
        finally:
            del self._running[node.id]
            self._here -= is_here
            if self._slots is not None and is_here:
                self._slots.give(self._held.pop(node.id))
            self._wake.set()
