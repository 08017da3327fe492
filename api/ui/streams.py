"""What is sent as it happens: the list of runs, a run, a log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
from dflow.ui.answers import Refused, in_thread
from dflow.ui.detail import step_of
from dflow.ui.inside import Area
from dflow.ui.logs import LogReader
from dflow.ui.nodes import counts_of, node_json, total_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from anyio.abc import TaskGroup
    from dflow.ui.watched import Hub, Watched

__all__ = ["RunsTicker", "log_events", "run_events", "server_log_events"]

Event = tuple[str, Any]
_PAUSE = 0.25
_LOG_PAUSE = 0.3
_LIST_PAUSE = 1.0
_GENTLE = 4
_WAKE = 5.0
_MOST_TEXT = 4 << 20
_log = logging.getLogger("dflow.ui")


async def run_events(hub: Hub, tasks: TaskGroup, run: Watched, since: int) -> AsyncIterator[Event | None]:
    """``change`` for what has changed after a version, and ``end`` when the run has ended; then it may begin again."""
    hub.listen(run, tasks)
    try:
        ended = False
        while True:
            event = run.event
            changes, is_over = await in_thread(_change, run, since)
            if changes is not None:
                yield "change", changes
                since, ended = changes["version"], False
            if is_over and not ended:
                ended = True
                yield "end", {"status": changes["status"] if changes else await in_thread(run.source.status)}
            await anyio.sleep(_PAUSE)
            with anyio.move_on_after(_WAKE):
                await event.wait()
            yield None
    finally:
        hub.leave(run)


def _change(run: Watched, since: int) -> tuple[dict[str, Any] | None, bool]:
    run.refresh()
    with run.lock:
        is_over = run.is_over
        if run.version == since:
            return None, is_over
        changes = run.changes(since)
        nodes = [run.view.nodes[name] for name in changes.names if name in run.view.nodes]
        return {
            "version": changes.version,
            "status": run.source.status(),
            "counts": counts_of(run.view.counts),
            "total": run.keep("total", lambda: total_of(run)),
            "finished": run.view.finished,
            "can": run.source.can(),
            "nodes": [node_json(node) for node in nodes],
            "many": changes.many,
        }, is_over


async def log_events(
    hub: Hub, tasks: TaskGroup, run: Watched, node_id: str, offset: int
) -> AsyncIterator[Event | None]:
    """``text`` as it is written, ``restart`` when the step writes another log, and ``end`` when there is no more."""
    hub.listen(run, tasks)
    try:
        reader: LogReader | None = None
        path = ""
        while True:
            is_final, place = await in_thread(_where, run, node_id)
            if place is not None and (reader is None or place != path):
                area = Area(run.source.layout.root)  # type: ignore[union-attr]
                reader, path = LogReader(area, place, offset if reader is None else 0), place
            events = [] if reader is None else await in_thread(reader.read, is_final)
            for event in events:
                yield event
            if events:
                continue
            if is_final:
                yield "end", {}
                return
            await anyio.sleep(_LOG_PAUSE)
            yield None
    finally:
        hub.leave(run)


async def server_log_events(
    hub: Hub, tasks: TaskGroup, run: Watched, node_id: str, offset: int
) -> AsyncIterator[Event | None]:
    """The same for a step on a server, whose log is asked for again every few seconds."""
    from dflow.ui.argo import log_text

    hub.listen(run, tasks)
    try:
        sent: bytes | None = None
        while True:
            with run.lock:
                node = run.view.node(node_id)
            if node is None:
                return
            is_final = node.phase.is_final
            data = (await in_thread(log_text, run, node, _MOST_TEXT)).encode("utf-8", "replace")
            before = data[:offset] if sent is None else sent
            if not data.startswith(before):
                yield "restart", {"offset": 0}
                before = b""
            if len(data) > len(before):
                text = data[len(before) :].decode("utf-8", "replace")
                yield "text", {"text": text, "offset": len(data), "skipped": 0}
            sent = data
            if is_final:
                yield "end", {}
                return
            with anyio.move_on_after(run.source.pause):
                await run.event.wait()
            await anyio.sleep(run.source.pause)
            yield None
    finally:
        hub.leave(run)


def _where(run: Watched, node_id: str) -> tuple[bool, str | None]:
    """Whether a step has ended, and where its log is."""
    with run.lock:
        node, layout = run.view.node(node_id), run.source.layout
        if node is None or layout is None:
            return True, None
        step = step_of(layout, node)
        return node.phase.is_final, None if step is None else str(step.log)


class RunsTicker:
    """The list of runs, made once for all who look at it."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._listeners = 0
        self._is_ticking = False
        self._event = anyio.Event()
        self._text = ""
        self._has_failed = False

    async def events(self, tasks: TaskGroup) -> AsyncIterator[Event | None]:
        """The list whenever it has changed, as JSON."""
        self._listeners += 1
        if not self._is_ticking:
            self._is_ticking, self._text = True, ""
            tasks.start_soon(self._tick)
        try:
            sent = ""
            while True:
                event = self._event
                if self._text != sent:
                    sent = self._text
                    yield "runs", sent
                with anyio.move_on_after(_WAKE):
                    await event.wait()
                yield None
        finally:
            self._listeners -= 1

    async def _tick(self) -> None:
        while self._listeners:
            begun = anyio.current_time()
            try:
                text = await in_thread(self._make)
            except Refused:
                text = self._text
            except Exception:  # noqa: BLE001 - all who look would be told nothing more, of any run
                text = self._text
                self._log_once()
            if text != self._text:
                self._text = text
                self._event.set()
                self._event = anyio.Event()
            await anyio.sleep(max(_LIST_PAUSE, _GENTLE * (anyio.current_time() - begun)))
        self._is_ticking = False

    def _log_once(self) -> None:
        if not self._has_failed:
            self._has_failed = True
            _log.exception("the list of runs cannot be made")
