"""What a person is told when a workflow ends: the cause last, with what to do next."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from dflow.engine.errors import RunNotFound, StepFailed
from dflow.engine.near import near_aside
from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.failure_hints import more
from dflow.live.tails import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Call, Template
    from dflow.engine.node import Node
    from dflow.engine.runner import RunResult
    from dflow.query import NodeRecord

__all__ = ["complain", "ended", "first_failure", "interrupted", "no_such_step", "say"]

_LOOPS = ("StepGroup", "TaskGroup")
_TAIL_LINES = 20
_NAMES = 5
_TAIL_BYTES = 65536


def say(text: str) -> None:
    """Print a line for the user, on standard output; where that cannot be written, nothing: the run is what counts."""
    _write(sys.stdout, text + "\n")


def complain(text: str) -> None:
    """Print a line for the user, on standard error, likewise."""
    _write(sys.stdout, "")
    _write(sys.stderr, text + "\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Standard output may be closed, a pipe that nobody reads, or a file on a full disk.

    Nothing of ours stays in the stream's buffer then, where it would fail again at the end; what the script itself has
    printed stays, and fails there.
    """
    if stream is None:
        return
    with suppress(OSError, ValueError):
        stream.flush()
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            _drop(stream)


def _drop(stream: TextIO) -> None:
    """Empty the buffer of a stream to nowhere."""
    there = stream.fileno()
    kept, null = os.dup(there), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, there)
        stream.flush()
    finally:
        os.dup2(kept, there)
        os.close(kept)
        os.close(null)


def ended(layout: RunLayout, result: RunResult) -> None:
    """Print how a run ended. After a failure the reason, the log and the next command come last."""
    if not result.phase.is_failure:
        say(f"Workflow {layout.id} {result.phase.value}")
        return
    complain(f"Workflow {layout.id} {result.phase.value}")
    fresh = [node for node in result.failures if not node.kept]
    if fresh:
        _blame(layout, fresh[0], _loop_around(fresh[0], result.failures), len(result.failures))
    elif result.failures:
        _write(sys.stderr, _kept(layout, result.failures))


def _loop_around(node: Node, failures: Iterable[Node]) -> Node | None:
    """The loop that a copy belongs to, if that failed too: its outputs cannot be put together."""
    loops = (other for other in failures if other.type in _LOOPS and node.name.startswith(f"{other.name}("))
    return next(loops, None)


def _blame(layout: RunLayout, node: Node, loop: Node | None, count: int) -> None:
    """Show the log of the step that failed first, and say why it did, and its loop."""
    _write(sys.stderr, _tail(layout, node))
    others = count - (1 if loop is None else 2)
    if others > 0:
        words = f"{others} more step{'s' if others > 1 else ''} failed"
        _write(sys.stderr, f"{words}; see: dflow getsteps {layout.id} --phase Failed,Error\n")
    place = node.place.root if node.place else None
    _write(sys.stderr, _sentence(layout, node.display, node.key, node.phase, node.message, place) + "\n")
    if loop is not None:
        _write(sys.stderr, _sentence(layout, loop.display, loop.key, loop.phase, loop.message, None) + "\n")
    section = more(node.message)
    if section is not None:
        _write(sys.stderr, f"  more:  {section}\n")


def _kept(layout: RunLayout, failures: Sequence[Node]) -> str:
    """Nothing failed now; what had failed before was not run again."""
    names = ", ".join(repr(node.key or node.display) for node in failures[:_NAMES])
    rest = f" and {len(failures) - _NAMES} more" if len(failures) > _NAMES else ""
    steps = "step" if len(failures) == 1 else "steps"
    was = "failed in an earlier attempt and was" if len(failures) == 1 else "failed in earlier attempts and were"
    return printable(f"{steps} {names}{rest} {was} not run again\n  retry: dflow retry {layout.id}\n")


def interrupted(layout: RunLayout) -> str:
    """What Ctrl-C did, and how to go on."""
    return f"all running steps of {layout.id} were ended; go on with: dflow resume {layout.id}"


def no_such_step(run: str, word: str, known: Iterable[str | None]) -> RunNotFound:
    """The error for a step that a run does not have."""
    hint = near_aside(word, filter(None, known))
    return RunNotFound(f"run {run} has no step {word!r}{hint}; see: dflow getsteps {run}")


def first_failure(layout: RunLayout) -> StepFailed | None:
    """The first failure of a run as an error; None when there is none."""
    from dflow.query import read_nodes, read_status

    status = read_status(layout)
    if not Phase(status).is_failure:
        return None
    nodes = read_nodes(layout)
    retried = [(n.name, n.event.get("retries") or 0) for n in nodes if n.type == "Retry"]
    made_good = tuple(f"{name}({number})" for name, count in retried for number in range(count))
    failed = [n for n in nodes if n.phase.is_failure and not n.name.startswith(made_good)]
    leaf = next((n for n in failed if n.type in LEAF_TYPES), failed[0] if failed else None)
    cause = next((n for n in failed if _is_own_fault(n, failed)), leaf)
    if cause is None:
        return StepFailed(f"workflow {layout.id} ended {status}")
    blamed = [cause]
    if leaf is not None and leaf.name.startswith(f"{cause.name}(") and not _may_lose_some(layout, cause):
        blamed.insert(0, leaf)  # an element of the loop that is at fault
    return StepFailed("\n".join(_sentence(layout, n.display, n.key, n.phase, n.message, n.place) for n in blamed))


def _may_lose_some(layout: RunLayout, loop: NodeRecord) -> bool:
    """Whether elements of a loop were free to fail."""
    from dflow.engine.model import ContinueOn
    from dflow.engine.run_directory import load_graph

    calls = [call for template in load_graph(layout).templates for call in _calls(template)]
    own = [call for call in calls if (call.name, call.template) == (loop.display, loop.template)]
    return any(call.continue_on != ContinueOn() for call in own)


def _calls(template: Template) -> Iterable[Call]:
    from dflow.engine.model import DagTemplate, StepsTemplate

    match template:
        case StepsTemplate():
            return [call for group in template.groups for call in group]
        case DagTemplate():
            return template.tasks
    return ()


def _is_own_fault(node: NodeRecord, failed: Sequence[NodeRecord]) -> bool:
    """Whether it is a loop whose outputs could not be put together: none of its elements ended Error."""
    if node.type not in _LOOPS or node.phase is not Phase.ERROR:
        return False
    return not any(n.phase is Phase.ERROR and n.name.startswith(f"{node.name}(") for n in failed)


def _sentence(layout: RunLayout, name: str, key: str | None, phase: Phase, message: str, place: object) -> str:
    """Where, what, and what next, in a few lines."""
    words = (
        f"step {name!r}"
        + (f" (key {key})" if key else "")
        + f" {'failed' if phase is Phase.FAILED else 'ended ' + phase.value}"
    )
    lines = [f"{words}: {message}" if message else words]
    if place is not None:
        log = os.path.join(str(place), "log.txt")
        lines.append(f"  log:   {_relative(log)}" if os.path.exists(log) else f"  step:  {_relative(str(place))}")
    step = key or name
    between = "=" if step.startswith("-") else " "
    lines.append(f"  retry: dflow retry {layout.id} --step{between}{shlex.quote(step)}")
    return printable("\n".join(lines))


def _tail(layout: RunLayout, node: Node) -> str:
    """The last lines of a step's log."""
    if node.place is None or not node.place.log.is_file():
        return ""
    size = node.place.log.stat().st_size
    with node.place.log.open("rb") as stream:
        stream.seek(max(0, size - _TAIL_BYTES))
        lines = stream.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    if not lines:
        return ""
    return f"--- the last lines of {_relative(str(node.place.log))}\n" + "\n".join(lines) + "\n---\n"


def _relative(path: str) -> str:
    short = os.path.relpath(path)
    return path if short.startswith("..") else short
