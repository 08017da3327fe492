"""What surrounds a run: the parts that the engine is given, each of which it can do without but the executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.errors import DflowError, UnsupportedError
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dflow.engine.model import ExecutorSpec
    from dflow.engine.ports import Executor, Lineage, ObjectStore
    from dflow.engine.runner import RunResult
    from dflow.engine.settings import RunSettings
    from dflow.engine.shipping import Shipping
    from dflow.engine.slots import Slots

__all__ = ["Around", "Helpers", "Others"]


@record(frozen=True, slots=True)
class Around:
    """What a run is given from outside.

    Attributes:
        shared: places for leaf steps that it shares with the run around it, if there is one.
        tell: is told of the end while the run is still held: who waits until nobody holds it finds all that was said.
        open_store: gives the object store that the settings of the run mean.
        lineage: is told of leaf steps that have succeeded.
        make_other: makes the executor that a call names, in place of that of the run; those of one run are given one
            dict for what they have in common, such as a connection.
        secrets: values that the script has given and no file may hold, by ``engine.secrets.address``.
    """

    shared: Slots | None = None
    tell: Callable[[RunResult], None] | None = None
    open_store: Callable[[Mapping[str, Any]], ObjectStore] | None = None
    lineage: Lineage | None = None
    make_other: Callable[[ExecutorSpec, RunSettings, dict[str, Any]], Executor] | None = None
    secrets: Mapping[str, str] | None = None


@record(frozen=True, slots=True)
class Helpers:
    """Who does what for the scheduler of one attempt.

    Attributes:
        executor: runs the programs of leaf steps.
        others: those that calls name, in place of it.
        shared: as in :class:`Around`.
        shipping: brings artifacts from and to an object store; None when there is none.
        lineage, secrets: as in :class:`Around`.
    """

    executor: Executor
    others: Others
    shared: Slots | None = None
    shipping: Shipping | None = None
    lineage: Lineage | None = None
    secrets: Mapping[str, str] | None = None


class Others:
    """The executors that calls name, each made when it is first needed."""

    def __init__(
        self, make: Callable[[ExecutorSpec, RunSettings, dict[str, Any]], Executor] | None, settings: RunSettings
    ) -> None:
        self._make, self._settings = make, settings
        self._common: dict[str, Any] = {}
        self._failed: dict[ExecutorSpec, DflowError] = {}
        self._made: dict[ExecutorSpec, Executor] = {}

    def of(self, spec: ExecutorSpec) -> Executor:
        """The executor that a call names.

        Raises:
            ConfigError: its settings are wrong.
            UnsupportedError: there is none of that kind.
        """
        if spec in self._failed:  # to try takes time, and there may be many calls
            raise self._failed[spec]
        if spec not in self._made:
            if self._make is None:
                raise UnsupportedError(f"there is no executor {spec.kind!r} here")
            try:
                self._made[spec] = self._make(spec, self._settings, self._common)
            except DflowError as exc:
                self._failed[spec] = exc
                raise
        return self._made[spec]

    async def finish(self) -> None:
        """Tell those whose jobs run elsewhere that no more will come."""
        for executor in self._made.values():
            if executor.capabilities.elsewhere:
                await executor.finish()  # type: ignore[attr-defined]  # one of elsewhere has it

    def close(self) -> None:
        """End what they keep."""
        for executor in self._made.values():
            executor.close()
