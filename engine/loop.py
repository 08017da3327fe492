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
from dflow.engine.phase import Phase
from dflow.engine.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskGroup
    from dflow.engine.attempts import LeafRunner
    from dflow.engine.groups import Group
    from dflow.engine.layout import RunLayout
    from dflow.engine.leaf import LeafTemplate
    from dflow.engine.node import Node

__all__ = ["WorkLoop"]

_log = logging.getLogger("dflow.engine")
BATCH = 64
_LOOK_AGAIN = 0.02  # seconds, while other runs hold the places for leaf steps


class WorkLoop(ABC):
    """Does what is posted, and runs leaf steps as places become free.

    Attributes:
        stopping: why the run is being ended; None while it is not.
    """

    def __init__(
        self, layout: RunLayout, runner: LeafRunner, limit: int | None, shared: Slots | None, *, parallel: bool
    ) -> None:
        self._runner = runner
        self._limit = limit if parallel else 1
        self._shared = shared is not None
        self._slots = shared or (Slots.make(layout, limit) if parallel and limit is not None else None)
        self._held: dict[str, int] = {}
        self._starved = False
        self._work: deque[Callable[[], None]] = deque()
        self._leaves: deque[tuple[Node, LeafTemplate, Group | None]] = deque()
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
        while self._leaves:
            node, _, group = self._leaves.popleft()
            self._post(partial(self._finish, node, group, Phase.FAILED, why))
        self._wake.set()

    def _allow_steps(self) -> None:
        """After all has ended, let steps run again."""
        self.stopping = None
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

    def _start_leaves(self, tasks: TaskGroup) -> None:
        self._starved = False
        while (
            self._leaves
            and self._broken is None
            and not self._suspended
            and (self._limit is None or len(self._running) < self._limit)
        ):
            if self._slots is not None:
                slot = self._slots.take()
                if slot is None:  # runs in our steps, or around us, have them all
                    self._starved = True
                    return
                self._held[self._leaves[0][0].id] = slot
            node, template, group = self._leaves.popleft()
            self._running[node.id] = scope = anyio.CancelScope()
            tasks.start_soon(self._run_leaf, node, template, group, scope)

    async def _run_leaf(
        self, node: Node, template: LeafTemplate, group: Group | None, scope: anyio.CancelScope
    ) -> None:
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
            if self._slots is not None:
                self._slots.give(self._held.pop(node.id))
            self._wake.set()
