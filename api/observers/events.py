"""What observers are told."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Dict, Mapping, Tuple

__all__ = ["Event", "Observer", "RunEnded", "RunStarted", "StepEnded", "StepNoted", "StepStarted"]


class Observer:
    """Is told what happens. A class need not derive from this one: the method counts."""

    def notify(self, event: Event) -> None:
        """Something has happened. What it raises is logged once; nothing of it reaches the run."""
        raise NotImplementedError


@dataclass(frozen=True)
class Event:
    """Something has happened.

    Attributes:
        run: the id of the workflow.
        path: the directory of the run.
        at: when, in seconds since the epoch.
    """

    run: str
    path: str
    at: float

    kind = ""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.run}: {self.kind}"

    def as_dict(self) -> Dict[str, Any]:
        """Plain data, for JSON; ``kind`` and ``text`` included."""
        plain: Dict[str, Any] = {"kind": self.kind, "text": self.text}
        for field in fields(self):
            value = getattr(self, field.name)
            plain[field.name] = [one.as_dict() for one in value] if isinstance(value, tuple) else value
        return plain


@dataclass(frozen=True)
class RunStarted(Event):
    """A workflow begins, or is gone on with.

    Attributes:
        host: where its engine is.
    """

    host: str | None = None

    kind = "run-started"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.run} begins"


@dataclass(frozen=True)
class StepStarted(Event):
    """A step begins, or is tried again.

    Attributes:
        id, name: of the node: ``wf-abc[0].train(3:0.1)`` is a name.
        step: the last part of the name.
        key: None for a step without one.
        type: ``Pod``, ``HTTP`` and ``Suspend`` do something themselves; ``Steps``, ``DAG``, ``Retry`` and ``TaskGroup``
            are groups; ``Skipped`` did not run.
        template: the name of its template.
        directory: where its files are; None while it has none.
        retries: how many attempts there were before.
    """

    id: str = ""
    name: str = ""
    step: str = ""
    key: str | None = None
    type: str = "Pod"
    template: str = ""
    directory: str | None = None
    retries: int = 0

    kind = "step-started"

    @property
    def called(self) -> str:
        """Its key, or else the last part of its name."""
        return self.key or self.step

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.run}: {self.called} begins"


@dataclass(frozen=True)
class StepNoted(StepStarted):
    """A step that runs waits for something, or does not any more.

    Attributes:
        note: what it waits for, in words; empty for nothing any more.
    """

    note: str = ""

    kind = "step-noted"

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.run}: {self.called} {f'is {self.note}' if self.note else 'waits no more'}"


@dataclass(frozen=True)
class StepEnded(StepStarted):
    """A step has ended, or was skipped.

    Attributes:
        phase: ``Succeeded``, ``Failed``, ``Error``, ``Skipped`` or ``Omitted``.
        message: why, in words.
        started: when its last attempt began.
        exit_code: of its program; None without one.
        usage: ``{"cpu": seconds, "maxRss": bytes}``, as far as it is known.
        host: where it ran, when that is not where the engine is.
        reused: the workflow whose outputs it took instead of running.
    """

    phase: str = "Succeeded"
    message: str = ""
    started: float | None = None
    exit_code: int | None = None
    usage: Mapping[str, float] | None = None
    host: str | None = None
    reused: str | None = None

    kind = "step-ended"

    @property
    def seconds(self) -> float:
        """How long its last attempt took."""
        return 0.0 if self.started is None else max(0.0, self.at - self.started)

    @property
    def text(self) -> str:
        """One line for people."""
        why = f": {self.message}" if self.message else ""
        return f"{self.run}: {self.called} ended {self.phase} after {self.seconds:.1f} s{why}"


@dataclass(frozen=True)
class RunEnded(Event):
    """A workflow has ended, or was interrupted (``Terminated``).

    Attributes:
        phase: ``Succeeded``, ``Failed``, ``Error`` or ``Terminated``.
        started: when this attempt began.
        steps: how many steps ended in which phase in this attempt; of those that do something themselves.
        failures: the steps that failed, in order; of those that do something themselves.
    """

    phase: str = "Succeeded"
    started: float | None = None
    steps: Mapping[str, int] | None = None
    failures: Tuple[StepEnded, ...] = ()

    kind = "run-ended"

    @property
    def seconds(self) -> float:
        """How long this attempt took."""
        return 0.0 if self.started is None else max(0.0, self.at - self.started)

    @property
    def text(self) -> str:
        """One line for people."""
        first = self.failures[0] if self.failures else None
        why = f": {first.called} {first.phase}: {first.message}" if first else ""
        more = f" (and {len(self.failures) - 1} more)" if len(self.failures) > 1 else ""
        return f"{self.run} ended {self.phase} after {self.seconds:.1f} s{why}{more}"
