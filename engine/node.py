"""A node: one run of a step or task. The only records of the engine that change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.engine.model import DagTemplate, HttpTemplate, StepsTemplate, SuspendTemplate
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import Call, Template
    from dflow.engine.scope import ArtifactValue
    from dflow.engine.slices import Hand

__all__ = ["LEAF_TYPES", "Node", "node_type"]

LEAF_TYPES = frozenset({"Pod", "HTTP", "Suspend"})
"""Types of nodes that do something themselves."""


@dataclass(slots=True, eq=False)
class Node:
    """One run of a step or task.

    Attributes:
        name: the path from the root, as Argo writes it: ``wf[0].train`` or ``wf.train``.
        display: the last element of the name.
        type: ``Pod``, ``HTTP``, ``Suspend``, ``Steps``, ``DAG``, ``Retry`` (of their attempts) or ``Skipped``.
        place: its directory; None while it has none.
        inputs, outputs: texts of parameters; None for "skipped".
        result: what its program printed, where that is asked for.
        item: of a copy in a loop: the names ``item`` and ``item.KEY`` with their texts.
        hand: of a copy in a loop: the slices that it gets.
        usage: what its program used: ``cpu`` in seconds, ``maxRss`` in bytes where it is known.
        host: the machine that it ran on; None for that of the engine.
        retries: how many attempts there were before this one; they are in ``.bk1`` …
        fingerprint: what its result depends on.
        kept: its outcome is that of an earlier attempt.
        reused: the workflow whose outputs it took instead of running.
        memo_key: the key under which its outputs are kept, when its template has one.
        memoized: the workflow that had put its outputs under that key; it took them instead of running.
        deadline: seconds since the epoch at which a strategy of the templates around it has no more time.
        of_copies: of a loop: ``AnySucceeded``, ``AllFailed``, as its copies ended.
        helper: its template was made by an exporter, so it is not shown; ``loop`` when it is where it has no children.
        prepared: False when its arguments or its condition could not be resolved, so it never began.
    """

    id: str
    name: str
    display: str
    type: str
    template: str
    parent: str | None
    call: Call | None = None
    key: str | None = None
    phase: Phase = Phase.PENDING
    message: str = ""
    place: StepLayout | None = None
    started: float | None = None
    finished: float | None = None
    exit_code: int | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    input_artifacts: dict[str, ArtifactValue] = field(default_factory=dict)
    outputs: dict[str, str | None] = field(default_factory=dict)
    output_artifacts: dict[str, ArtifactValue | None] = field(default_factory=dict)
    result: str | None = None
    usage: dict[str, float] | None = None
    host: str | None = None
    retries: int = 0
    prepared: bool = True
    helper: bool | str = False
    of_copies: tuple[str, ...] = ()
    fingerprint: dict[str, str] = field(default_factory=dict)
    kept: bool = False
    reused: str | None = None
    memo_key: str | None = None
    memoized: str | None = None
    deadline: float | None = None
    item: Mapping[str, str] | None = None
    hand: Hand | None = None

    def summary(self) -> dict[str, Any]:
        """What lists and the progress display need."""
        data: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "displayName": self.display,
            "type": self.type,
            "phase": self.phase.value,
            "template": self.template,
            "parent": self.parent,
            "key": self.key,
            "dir": self.place.text.rpartition("/")[2] if self.place else None,
            "message": self.message or None,
            "started": self.started,
            "finished": self.finished,
            "exitCode": self.exit_code,
            "retries": self.retries or None,
            "reusedFrom": self.reused,
            "memoized": self.memoized,
            "helper": self.helper or None,
        }
        return {name: value for name, value in data.items() if value is not None}

    def let_go(self, *, place: bool) -> None:
        """Forget what nobody asks of a copy that has ended well; its directory and the journal know it all.

        Args:
            place: its directory too.
        """
        self.item = self.hand = self.usage = self.host = None
        self.inputs, self.input_artifacts, self.fingerprint = _NOTHING, _NOTHING, _NOTHING
        if not self.outputs:
            self.outputs = _NOTHING
        if not self.output_artifacts:
            self.output_artifacts = _NOTHING
        if place:
            self.place = None


_NOTHING: Any = {}


def node_type(template: Template) -> str:
    """The type of the node that a template makes, in Argo's words."""
    match template:
        case StepsTemplate():
            return "Steps"
        case DagTemplate():
            return "DAG"
        case HttpTemplate():
            return "HTTP"
        case SuspendTemplate():
            return "Suspend"
        case _:
            return "Pod"
