"""What a person is told when a workflow ends: the cause last, with what to do next."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

from dflow.engine.errors import StepFailed
from dflow.engine.phase import Phase
from dflow.query import read_nodes, read_status

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.node import Node
    from dflow.engine.runner import RunResult

__all__ = ["complain", "ended", "first_failure", "interrupted", "say"]

_TAIL_LINES = 20
_TAIL_BYTES = 65536


def say(text: str) -> None:
    """Print a line for the user, on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Print a line for the user, on standard error."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def ended(layout: RunLayout, result: RunResult) -> None:
    """Print how a run ended. After a failure the reason, the log and the next command come last."""
    if not result.phase.is_failure:
        say(f"Workflow {layout.id} {result.phase.value}")
        return
    sys.stdout.flush()
    sys.stderr.write(f"Workflow {layout.id} {result.phase.value}\n")
    others = len(result.failures) - 1
    if result.failures:
        sys.stderr.write(_tail(layout, result.failures[0]))
        if others > 0:
            more = f"{others} more step{'s' if others > 1 else ''} failed"
            sys.stderr.write(f"{more}; see: dflow getsteps {layout.id} --phase Failed,Error\n")
        node = result.failures[0]
        sys.stderr.write(
            _sentence(layout, node.display, node.key, node.phase, node.message, node.place.root if node.place else None)
            + "\n"
        )
    sys.stderr.flush()


def interrupted(layout: RunLayout) -> str:
    """What Ctrl-C did, and how to go on."""
    return f"all running steps of {layout.id} were ended; go on with: dflow resume {layout.id}"


def first_failure(layout: RunLayout) -> StepFailed | None:
    """The first failure of a run as an error; None when there is none."""
    status = read_status(layout)
    if not Phase(status).is_failure:
        return None
    failed = [n for n in read_nodes(layout) if n.phase.is_failure]
    leaf = next((n for n in failed if n.type == "Pod"), failed[0] if failed else None)
    if leaf is None:
        return StepFailed(f"workflow {layout.id} ended {status}")
    return StepFailed(_sentence(layout, leaf.display, leaf.key, leaf.phase, leaf.message, leaf.place))


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
    lines.append(f"  retry: dflow retry {layout.id} --step {shlex.quote(key or name)}")
    return "\n".join(lines)


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
