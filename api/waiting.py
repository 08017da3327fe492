"""Steps that wait for somebody: which they are, what they need, and letting them go on."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.engine import control
from dflow.engine.errors import ConfigError, LeaseHeld, StateError
from dflow.engine.lease import held_by, holder, is_running, silence
from dflow.engine.model import SuspendTemplate
from dflow.engine.near import near
from dflow.engine.run_directory import load_graph
from dflow.python.values import encode
from dflow.query import read_nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dflow.engine.layout import RunLayout
    from dflow.exporters.argo.server.nodes import ServerNode
    from dflow.query import NodeRecord

__all__ = ["Waiting", "choose", "go_on", "still_needed", "waiting_steps"]

_PATIENCE = 30.0
_POLL = 0.1
_AGAIN = 1.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A step that waits.

    Attributes:
        display: what it is called; its name or its key where it has one.
        words: all that it can be named by.
        supplied: the outputs that somebody may give it.
        needed: those of them without which it does not go on.
    """

    id: str
    name: str
    display: str
    words: frozenset[str]
    supplied: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()

    @classmethod
    def of(cls, node: NodeRecord | ServerNode, supplied: Mapping[str, bool]) -> Waiting:
        """Of a node that waits, and the outputs that it may be given: whether it needs them."""
        words = frozenset(word for word in (node.id, node.key, node.display, node.name) if word)
        needed = tuple(name for name, is_needed in supplied.items() if is_needed)
        return cls(node.id, node.name, node.key or node.display, words, tuple(supplied), needed)


def waiting_steps(layout: RunLayout) -> list[Waiting]:
    """The steps of a run that wait, or will when it is resumed."""
    templates = {t.name: t for t in load_graph(layout).templates if isinstance(t, SuspendTemplate)}
    if not templates:
        return []
    found = []
    for node in read_nodes(layout):
        template = templates.get(node.template)
        if template is None or node.type != "Suspend" or node.phase.is_final:
            continue
        found.append(Waiting.of(node, {p.name: p.default is None for p in template.outputs.parameters if p.supplied}))
    return found


def still_needed(layout: RunLayout) -> list[str]:
    """What to do for each step that a resume without values does not move."""
    return [
        f"step {step.display!r} needs a value for {_listed(step.needed)}; give it with: dflow resume {layout.id} "
        f"--step {shlex.quote(step.display)} " + " ".join(f"--output {name}=VALUE" for name in step.needed)
        for step in waiting_steps(layout)
        if step.needed
    ]


def choose(
    waiting: Sequence[Waiting], outputs: Collection[str], steps: Sequence[str], run: str
) -> list[tuple[Waiting, list[str]]]:
    """The steps that are meant, each with those of the outputs that it takes.

    Args:
        steps: ids, keys or names; without any, all steps that take one of the outputs are meant.
        run: what the run is called, for messages.

    Raises:
        StateError: a step does not wait.
        ConfigError: no step takes an output of that name, or one needs another output, too.
    """
    for word in steps:
        if not any(word in step.words for step in waiting):
            known = _listed(sorted({step.display for step in waiting})) or "none"
            raise StateError(f"no step {word!r} of {run} waits for somebody; steps that wait: {known}")
    if not waiting:
        raise StateError(f"no step of {run} waits for somebody")
    named = [step for step in waiting if step.words & set(steps)] if steps else list(waiting)
    taken = sorted({name for step in named for name in step.supplied})
    for name in outputs:
        if name not in taken:
            raise ConfigError(
                f"no step of {run} that waits takes a value for {name!r}; "
                f"steps that wait take: {_listed(taken) or 'none'}{near(name, taken)}"
            )
    chosen = [(step, [name for name in outputs if name in step.supplied]) for step in named]
    chosen = [(step, given) for step, given in chosen if steps or given]
    for step, given in chosen:
        missing = [name for name in step.needed if name not in given]
        if missing:
            raise ConfigError(f"step {step.display!r} of {run} needs a value for {_listed(missing)}, too")
    return chosen


def go_on(
    layout: RunLayout, outputs: Mapping[str, Any], steps: Sequence[str] = (), *, flags: Sequence[str] = ()
) -> None:
    """Have steps go on that wait; without a live runner, in a new one in the background.

    Args:
        outputs: values for their outputs that are supplied; of any type, a text stands for itself.
        steps: which: ids, keys or names; all that take one of the outputs when there are none.
        flags: of ``dflow resume``, for a new runner.

    Raises:
        StateError: a step does not wait, or its runner does not answer.
        ConfigError: the outputs are not those that the steps take.
    """
    chosen = choose(waiting_steps(layout), outputs, steps, layout.id)
    texts = {name: encode(value) for name, value in outputs.items()}
    if "--takeover" in flags or not is_running(layout):
        from dflow.background import start_runner

        start_runner(layout, *flags)
    wanted = frozenset(step.name for step, _ in chosen)
    deadline = time.monotonic() + _PATIENCE
    while True:
        is_live = is_running(layout)  # before the steps are looked at, which it may end meanwhile
        waits = _still_waiting(layout, wanted)
        if not waits:
            return
        if time.monotonic() > deadline or not is_live:
            raise StateError(f"{_listed(sorted(waits))} of {layout.id} did not go on; see {layout.runner_log}")
        _ask(layout, texts, sorted(waits))
        again = time.monotonic() + _AGAIN  # a runner that has just begun may not have come to the step yet
        while _still_waiting(layout, wanted) and time.monotonic() < again:
            time.sleep(_POLL)


def _ask(layout: RunLayout, texts: Mapping[str, str], names: Sequence[str]) -> None:
    """Leave the request, and wait until the runner has taken it, or has ended."""
    current = holder(layout)
    if current is not None and silence(layout) is not None:
        raise LeaseHeld(held_by(layout, current))
    request = control.post_request(layout, "resume", outputs=dict(texts), steps=list(names))
    while request.exists():
        if not is_running(layout):
            request.unlink(missing_ok=True)
            return
        time.sleep(_POLL / 2)


def _still_waiting(layout: RunLayout, names: Collection[str]) -> set[str]:
    return set(names) - {node.name for node in read_nodes(layout) if node.phase.is_final}


def _listed(names: Collection[str]) -> str:
    return ", ".join(repr(name) for name in names)
