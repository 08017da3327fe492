"""What a journal says of each node, kept up to date event by event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Copies", "LiveNode", "RunView"]

INTERRUPTED = "interrupted: the process that ran it is gone"
_MOST = 1e15
_PHASES = {phase.value: phase for phase in Phase}


@dataclass(slots=True, eq=False)
class LiveNode:
    """A node as the journal has it now.

    Attributes:
        name: the path from the root: ``wf[0].train``.
        display: the last element of the name; of a copy in a loop ``train(3:0.1)``.
        type: ``Pod``, ``HTTP``, ``Suspend`` (leaves), ``Steps``, ``DAG``, ``Retry``, ``TaskGroup`` or ``Skipped``.
        directory: the name of its directory in the run; None while it has none.
        note: what it waits for, in words; "" when nobody said.
        started, finished: seconds since the epoch.
        usage: ``{"cpu": seconds, "maxRss": bytes}`` of a leaf that has ended.
        host: where it ran, when that is not where the engine is.
        children: in the order in which they began.
        copies: of each looped call among the children, by the name of the call.
        hidden: an exporter made its template; users do not know of it.
        counted: the run counts it among its steps now.
    """

    id: str
    name: str
    display: str
    type: str
    template: str
    phase: Phase = Phase.PENDING
    parent: LiveNode | None = None
    key: str | None = None
    directory: str | None = None
    message: str = ""
    note: str = ""
    started: float | None = None
    finished: float | None = None
    exit_code: int | None = None
    retries: int = 0
    reused: str | None = None
    memoized: str | None = None
    usage: Mapping[str, float] | None = None
    host: str | None = None
    hidden: bool | str = False
    counted: bool = False
    children: list[LiveNode] = field(default_factory=list)
    copies: dict[str, Copies] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """The name of the call: that of a copy without its index."""
        return self.display.partition("(")[0]

    @property
    def is_copy(self) -> bool:
        """Whether it is one of the copies of a loop."""
        return self.display.endswith(")") and "(" in self.display

    @property
    def is_leaf(self) -> bool:
        """Whether it does something itself."""
        return self.type in LEAF_TYPES

    @property
    def is_counted(self) -> bool:
        """Whether it is one of the steps that a person counts: leaves, and calls that were skipped."""
        return self.hidden is not True and (self.type in LEAF_TYPES or self.type == "Skipped")

    @property
    def shown_parent(self) -> LiveNode | None:
        """The node that it is shown in."""
        above = self.parent
        while above is not None and above.hidden:
            above = above.parent
        return above

    def seconds(self, now: float) -> float:
        """How long it took, or has taken by now; 0 when it has not begun."""
        if self.started is None:
            return 0.0
        return max(0.0, (now if self.finished is None else self.finished) - self.started)

    def shown_children(self) -> Iterator[LiveNode]:
        """The children; those of hidden ones in their places."""
        for child in self.children:
            if child.hidden is True or (child.hidden and child.children):
                yield from child.shown_children()
            else:
                yield child


@dataclass(slots=True, eq=False)
class Copies:
    """The copies of a looped call.

    Attributes:
        call: the name of the call.
        nodes: those that have begun, in that order.
        counts: how many are in each phase.
        total: how many there will be; None where nobody said.
    """

    call: str
    nodes: list[LiveNode] = field(default_factory=list)
    counts: Counter[Phase] = field(default_factory=Counter)
    total: int | None = None

    @property
    def expected(self) -> int:
        """How many there will be, as far as is known."""
        return max(self.total or 0, len(self.nodes))

    @property
    def done(self) -> int:
        """How many have ended."""
        return sum(count for phase, count in self.counts.items() if phase.is_final)


class RunView:
    """All nodes of a run.

    Attributes:
        phase: of the workflow, by its own word; Pending before its first.
        started, finished: of the workflow; finished is None while it runs.
        nodes: by name, in the order in which they were first heard of.
        root: the node of the entry template.
        counts: how many steps (see ``LiveNode.is_counted``) are in each phase.
        running: leaves that run, those first that began first.
        failures: nodes that ended Failed or Error, in that order.
        attempts: how many times the workflow was begun or gone on with.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.phase = Phase.PENDING
        self.started: float | None = None
        self.finished: float | None = None
        self.attempts = 0
        self.nodes: dict[str, LiveNode] = {}
        self.root: LiveNode | None = None
        self.counts: Counter[Phase] = Counter()
        self.running: dict[str, LiveNode] = {}
        self.failures: dict[str, LiveNode] = {}
        self.outputs: Mapping[str, Any] = {}
        self._by_id: dict[str, LiveNode] = {}
        self._totals: dict[str, int] = {}

    def apply(self, event: Mapping[str, Any]) -> LiveNode | None:
        """Take in one event; the node that it is of. Events of other kinds are passed over."""
        match event.get("event"):
            case "node":
                return self._node(event)
            case "workflow":
                self._workflow(event)
            case "moved" | "note":
                return self._told(event)
            case "loop":
                return self._loop(event)
        return None

    def interrupt(self) -> list[LiveNode]:
        """The process that ran it is gone: what ran is Pending again; those nodes."""
        changed = [node for node in self.nodes.values() if node.phase is Phase.RUNNING]
        for node in changed:
            self._enter(node, Phase.PENDING)
            node.message, node.note = INTERRUPTED, ""
        return changed

    def settle(self, node: LiveNode, phase: Phase) -> None:
        """Its directory knows better than the journal."""
        self._enter(node, phase)
        node.message = ""

    def node(self, word: str) -> LiveNode | None:
        """The node with that name or id."""
        return self.nodes.get(word) or self._by_id.get(word)

    def _workflow(self, event: Mapping[str, Any]) -> None:
        phase = _PHASES.get(str(event.get("phase")))
        if phase is None:
            return
        at = _number(event.get("at"))
        if phase.is_final:
            self.finished = at
            outputs = event.get("outputs")
            self.outputs = outputs if isinstance(outputs, dict) else {}
        else:
            self.attempts += 1
            self.started = at if self.started is None else self.started
            self.finished = None
            self.interrupt()
        self.phase = phase

    def _node(self, event: Mapping[str, Any]) -> LiveNode | None:
        name, phase = event.get("name"), _PHASES.get(str(event.get("phase")))
        if not isinstance(name, str) or phase is None:
            return None
        node = self.nodes.get(name) or self._new(name, event)
        fields = event.get
        if phase is not Phase.RUNNING or fields("started") is not None:
            node.started = _number(fields("started"))
        node.finished = _number(fields("finished"))
        node.type = str(fields("type") or node.type)
        node.key, node.directory = _text(fields("key")), _file_name(fields("dir"))
        node.message, node.note = str(fields("message") or ""), ""
        node.exit_code, node.retries = _whole(fields("exitCode")), _whole(fields("retries")) or 0
        node.reused, node.memoized = _text(fields("reusedFrom")), _text(fields("memoized"))
        node.usage, node.host = _usage(fields("usage")), _text(fields("host"))
        self._enter(node, phase)
        return node

    def _new(self, name: str, event: Mapping[str, Any]) -> LiveNode:
        node = LiveNode(
            id=str(event.get("id") or name),
            name=name,
            display=str(event.get("displayName") or name),
            type=str(event.get("type") or "Pod"),
            template=str(event.get("template") or ""),
            hidden=event.get("helper") or False,
        )
        self.nodes[name] = self._by_id[node.id] = node
        if self.root is None and event.get("parent") in (None, node.id):  # the directory may have another name
            self.root = node
            return node
        node.parent = self._by_id.get(str(event.get("parent"))) or self.root
        if node.parent is not None and node.parent is not node:
            node.parent.children.append(node)
            if node.is_copy:
                call = node.call
                copies = node.parent.copies.get(call)
                if copies is None:
                    copies = node.parent.copies[call] = Copies(call)
                copies.nodes.append(node)
                copies.counts[node.phase] += 1
                if copies.total is None:
                    copies.total = self._totals.get(name[: -len(node.display)] + call)
        return node

    def _enter(self, node: LiveNode, phase: Phase) -> None:
        """Change the phase of a node, and all that counts it."""
        before, node.phase = node.phase, phase
        if node.counted:
            self.counts[before] -= 1
        node.counted = node is not self.root and node.is_counted
        if node.counted:
            self.counts[phase] += 1
        if node.is_copy and node.parent is not None and node.call in node.parent.copies:
            counts = node.parent.copies[node.call].counts
            counts[before] -= 1
            counts[phase] += 1
        if phase is Phase.RUNNING and node.is_leaf:
            self.running.setdefault(node.name, node)
        else:
            self.running.pop(node.name, None)
        if phase.is_failure:
            self.failures.setdefault(node.name, node)
        else:
            self.failures.pop(node.name, None)

    def _told(self, event: Mapping[str, Any]) -> LiveNode | None:
        node = self.nodes.get(str(event.get("name")))
        if node is None:
            return None
        if event.get("event") == "moved":
            node.directory = _file_name(event.get("dir"))
        else:
            node.note = str(event.get("text") or "")
        return node

    def _loop(self, event: Mapping[str, Any]) -> LiveNode | None:
        name, total = event.get("name"), _whole(event.get("count"))
        if not isinstance(name, str) or total is None or total < 0:
            return None
        self._totals[name] = total
        group = self.nodes.get(name)  # a TaskGroup, which is the loop itself
        parent = group or self._by_id.get(str(event.get("parent"))) or self.root
        if parent is None:
            return None
        call = name.rpartition(".")[2]
        parent.copies.setdefault(call, Copies(call)).total = total
        return parent


# A journal may have been written by anybody: what is of another type than it should be counts as not said.


def _number(value: Any) -> float | None:
    is_usable = isinstance(value, (int, float)) and -_MOST < value < _MOST  # not NaN either
    return float(value) if is_usable else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and -_MOST < value < _MOST else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _file_name(value: Any) -> str | None:
    """A name in the run directory, and no way out of it."""
    is_name = isinstance(value, str) and value not in ("", ".", "..") and not {"/", "\0"} & set(value)
    return value if is_name else None


def _usage(value: Any) -> dict[str, float] | None:
    if not isinstance(value, dict):
        return None
    return {name: number for name, found in value.items() if (number := _number(found)) is not None}
