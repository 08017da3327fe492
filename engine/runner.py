"""Runs a workflow that lies in a run directory: from the lease to the last word in ``status``."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
from dflow.engine.around import Around, Helpers, Others
from dflow.engine.control import take_requests, wants_again
from dflow.engine.errors import DflowError, LeaseLost, StateError
from dflow.engine.lease import lease
from dflow.engine.moving import relative
from dflow.engine.phase import Phase
from dflow.engine.process import end_steps
from dflow.engine.records import record
from dflow.engine.resume import look_back
from dflow.engine.run_directory import load_graph
from dflow.engine.runnable import refuse
from dflow.engine.scheduler import Scheduler
from dflow.engine.settings import RunSettings, load_settings
from dflow.engine.state import read_text, write_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from dflow.engine.layout import RunLayout
    from dflow.engine.lease import Hold
    from dflow.engine.model import WorkflowGraph
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor, ObjectStore
    from dflow.engine.shipping import Shipping

__all__ = ["RunResult", "run"]

_log = logging.getLogger("dflow.engine")
_POLL = 0.25
_TERMINATED = "terminated on request"
_STOPPED = "stopped on request"


@record(frozen=True, slots=True)
class RunResult:
    """How a run ended, and the nodes to blame, first failure first."""

    phase: Phase
    failures: tuple[Node, ...] = ()


def run(
    layout: RunLayout,
    make_executor: Callable[[RunSettings], Executor],
    *,
    again: Callable[[Node], bool] | None = None,
    takeover: bool = False,
    around: Around | None = None,
) -> RunResult:
    """Run, or go on with, the workflow in a directory, and wait for its end.

    Works inside a running event loop too: the engine then has a thread of its own. Ctrl-C ends all running
    steps, leaves them Pending and is raised again; so do SIGTERM and SIGHUP, which raise SystemExit.

    Args:
        again: which finished steps of an earlier attempt to run again; None runs none again.
        takeover: take it over from a process of another host.
        around: what else it is given.

    Raises:
        CompileError: the graph cannot be run here.
        LeaseHeld: somebody else runs it.
        LeaseLost: another host has taken it over; nothing was written since.
        StateError: the run directory cannot be read or written.
        StorageError: the object store of its inputs refuses or does not answer.
    """
    graph, settings = load_graph(layout), load_settings(layout.settings)
    around = around or Around()
    objects = around.open_store(settings.objects) if around.open_store and settings.objects is not None else None
    refuse(graph, layout, reaches_store=objects is not None)
    with lease(layout, takeover=takeover) as hold:
        if not _is_untouched(layout):
            end_steps(layout.root)  # what an engine that was killed has left
        layout.suspended.unlink(missing_ok=True)
        take_requests(layout)  # what was asked of an attempt that is over is not for this one
        shipping = None if objects is None else _shipping(graph, layout, settings, objects)
        while True:
            executor = make_executor(settings)
            earlier = look_back(layout, again)
            others = Others(around.make_other, settings)
            helpers = Helpers(executor, others, around.shared, shipping, around.lineage, around.secrets)
            scheduler = Scheduler(graph, layout, settings, earlier, helpers)
            attempt = _Attempt(layout, scheduler, hold)
            try:
                scheduler.commits.complete_journal(earlier.finished.values())
                _log.info("run %s begins in %s; steps that are done: %d", layout.id, layout.root, len(earlier.finished))
                phase = attempt.run()
            finally:
                executor.close()
                others.close()
                scheduler.close()
            again = attempt.again
            if again is None:
                break
        _log.info("run %s ended %s", layout.id, phase)
        if around.shared is not None:
            around.shared.close()
        result = RunResult(phase, tuple(scheduler.failures))
        if around.tell is not None:
            around.tell(result)
    return result


def _shipping(graph: WorkflowGraph, layout: RunLayout, settings: RunSettings, objects: ObjectStore) -> Shipping:
    """What brings artifacts from and to an object store; those that can be are brought now."""
    from dflow.engine.shipping import Shipping, bring_inputs  # noqa: PLC0415 - few runs have an object store

    try:
        bring_inputs(graph, layout, objects)
    except Exception:
        _try_to_say(layout, Phase.ERROR)
        raise
    return Shipping(layout, objects, outputs=settings.keep_outputs, prefix=settings.key_prefix)


def _is_untouched(layout: RunLayout) -> bool:
    """Whether no engine has begun: each says that it runs before it starts a step."""
    try:
        return read_text(layout.status) == Phase.PENDING.value
    except OSError:
        return False


class _Attempt:
    """One attempt to run a workflow, with what surrounds the scheduler.

    Attributes:
        again: which steps to run again in another attempt, as was asked while this one went on; None for no other.
    """

    def __init__(self, layout: RunLayout, scheduler: Scheduler, hold: Hold) -> None:
        scheduler.commits.guard = hold.check
        self.again: Callable[[Node], bool] | None = None
        self._hold = hold
        self._retries: list[dict[str, Any]] = []
        self._trouble: StateError | None = None
        self._layout = layout
        self._scheduler = scheduler
        self._interrupt = threading.Event()
        self._signal: int | None = None
        self._final: Phase | None = None

    def run(self) -> Phase:
        """From Running to the final status."""
        write_text(self._layout.status, Phase.RUNNING.value)
        self._scheduler.commits.workflow(Phase.RUNNING)
        try:
            phase = self._run_in_loop()
        except (KeyboardInterrupt, SystemExit):
            self._scheduler.commits.abandon()
            self._end(Phase.TERMINATED)
            raise
        except LeaseLost:
            raise
        except StateError:
            _try_to_say(self._layout, Phase.ERROR)
            raise
        self._hold.check()
        self._retries += [request for request in take_requests(self._layout) if request["verb"] == "retry"]
        self.again = None if self._final is not None else wants_again(self._retries, failed=phase.is_failure)
        if self.again is None:
            self._end(phase)
        return phase

    def _run_in_loop(self) -> Phase:
        return self._run_in_thread() if _in_event_loop() else anyio.run(self._main)

    def _run_in_thread(self) -> Phase:
        result: list[Phase] = []
        error: list[BaseException] = []

        def target() -> None:
            try:
                result.append(anyio.run(self._main))
            except BaseException as exc:  # noqa: BLE001 - handed to the caller's thread, whatever it is
                error.append(exc)

        thread = threading.Thread(target=target, name="dflow-engine")
        thread.start()
        try:
            thread.join()
        except KeyboardInterrupt:
            self._interrupt.set()
            thread.join()
            raise
        if error:
            raise error[0]
        return result[0]

    async def _main(self) -> Phase:
        phase, error = Phase.ERROR, None
        with _signals() as received:  # until all steps have ended, so that a second signal does not leave any
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen, tasks.cancel_scope)
                tasks.start_soon(self._watch, received, tasks.cancel_scope)
                try:
                    phase = await self._scheduler.run()
                except DflowError as exc:
                    error = exc
                tasks.cancel_scope.cancel()
        if self._trouble is not None:
            raise self._trouble
        if error is not None:
            raise error
        if self._signal is not None:
            raise SystemExit(128 + self._signal)
        if self._interrupt.is_set():
            raise KeyboardInterrupt
        return self._final if self._final is not None and phase.is_failure else phase

    async def _listen(self, everything: anyio.CancelScope) -> None:
        try:
            while not self._interrupt.is_set():
                self._hold.beat()
                self._scheduler.follow()
                for request in take_requests(self._layout):
                    self._obey(request)
                await anyio.sleep(_POLL)
        except StateError as exc:
            self._trouble = exc
        everything.cancel()

    async def _watch(self, received: AsyncIterator[signal.Signals] | None, everything: anyio.CancelScope) -> None:
        """SIGTERM and SIGHUP end the steps as Ctrl-C does."""
        if received is not None:
            async for number in received:
                self._signal = int(number)
                everything.cancel()

    def _obey(self, request: dict[str, Any]) -> None:
        match request["verb"]:
            case "terminate":
                self._final = Phase.TERMINATED
                self._scheduler.stop(_TERMINATED)
            case "stop":
                self._final = Phase.FAILED
                self._scheduler.stop(_STOPPED, run_exit_handler=True)
            case "suspend":
                write_text(self._layout.suspended, "")
                self._scheduler.suspend(on=True)
            case "resume":
                self._layout.suspended.unlink(missing_ok=True)
                self._scheduler.resume(request)
            case "retry":
                self._retries.append(request)
            case verb:
                _log.warning("ignored a request that this version does not know: %s", verb)

    def _end(self, phase: Phase) -> None:
        root = str(self._layout.root)
        artifacts = {name: relative(path, root) for name, path in self._scheduler.global_artifacts.items()}
        outputs = {"parameters": self._scheduler.global_outputs, "artifacts": artifacts}
        self._scheduler.commits.workflow(phase, outputs=outputs)
        write_text(self._layout.status, phase.value)


@contextmanager
def _signals() -> Iterator[AsyncIterator[signal.Signals] | None]:
    """The signals that end a run, as they come; None where the program has its own way with them."""
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    if not numbers or threading.current_thread() is not threading.main_thread():
        yield None
        return
    with anyio.open_signal_receiver(*numbers) as received:
        yield received


def _in_event_loop() -> bool:
    """Whether the caller is inside a running event loop, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _try_to_say(layout: RunLayout, phase: Phase) -> None:
    """Leave the phase if that is possible; the caller is about to report why it may not be."""
    try:
        write_text(layout.status, phase.value)
    except StateError:
        _log.warning("the status of %s could not be written", layout.id)
