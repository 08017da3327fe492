"""Requests to a running workflow from other processes: small files that its runner takes within a second.

===========  ==========================================================================================
verb         what the runner does
===========  ==========================================================================================
terminate    ends all running steps; the workflow is Terminated
stop         the same, but the exit handler runs; the workflow is Failed
suspend      starts no more steps
resume       takes a suspend back, and has the steps go on that wait for it: all, or those named in ``steps``, with
             what ``outputs`` gives them by name
retry        when the attempt that goes on has ended: runs the steps named in ``steps`` once more, or, without
             names, those that failed
===========  ==========================================================================================
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import StateError
from dflow.engine.state import PRIVATE, read_text, write_json, writing
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dflow.engine.layout import RunLayout
    from dflow.engine.node import Node

__all__ = ["pending_requests", "post_request", "take_requests", "wants_again"]


def post_request(layout: RunLayout, verb: str, **arguments: Any) -> Path:
    """Leave a request, such as ``"terminate"``, for the runner; the file, which is gone once the runner has taken it.

    Raises:
        StateError: the run directory cannot be written, or its place for requests is a link to elsewhere.
    """
    if layout.control.is_symlink():
        raise StateError(f"{layout.control} is a link, to which no requests are written: remove it")
    with writing(layout.control):
        layout.control.mkdir(mode=0o700, exist_ok=True)
    guard = layout.control.with_name("control.lock")
    with writing(guard), FileLock(guard, mode=PRIVATE):
        number = max((int(p.stem) for p in layout.control.glob("*.json") if p.stem.isdigit()), default=0) + 1
        path = layout.control / f"{number}.json"
        write_json(path, {"verb": verb, "from": os.getpid(), **arguments})
    return path


def take_requests(layout: RunLayout) -> list[dict[str, Any]]:
    """All requests that wait, oldest first; they are removed. A damaged one is removed and ignored."""
    requests = []
    for path, request in _waiting(layout):
        with writing(path):
            path.unlink(missing_ok=True)
        if request is not None:
            requests.append(request)
    return requests


def pending_requests(layout: RunLayout) -> list[str]:
    """The verbs of the requests that wait, oldest first."""
    return [request["verb"] for _, request in _waiting(layout) if request is not None]


def wants_again(requests: Iterable[dict[str, Any]], *, failed: bool) -> Callable[[Node], bool] | None:
    """Which steps to run again by requests to retry; None when there is nothing to do.

    Args:
        failed: the attempt has failed; else only steps that were named are run again.
    """
    words: set[object] = set()
    all_failed = False
    for request in requests:
        named = request.get("steps")
        if isinstance(named, list) and named:
            words.update(str(word) for word in named)
        else:
            all_failed = True
    if not words and not (all_failed and failed):
        return None

    def again(node: Node) -> bool:
        return (all_failed and node.phase.is_failure) or bool({node.key, node.display, node.id} & words)

    return again


def _waiting(layout: RunLayout) -> list[tuple[Path, dict[str, Any] | None]]:
    """The files of requests, oldest first, with what they say; None for damaged ones."""
    if not layout.control.is_dir():
        return []
    found: list[tuple[Path, dict[str, Any] | None]] = []
    for path in sorted(layout.control.glob("*.json"), key=lambda p: p.stem.rjust(12)):
        try:
            data = json.loads(read_text(path))
        except (OSError, ValueError, RecursionError):
            data = None
        good = isinstance(data, dict) and isinstance(data.get("verb"), str)
        found.append((path, data if good else None))
    return found
