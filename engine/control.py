"""Requests to a running workflow from other processes: small files that its runner takes within a second."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from dflow.engine.state import PRIVATE, read_text, write_json, writing
from filelock import FileLock

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout

__all__ = ["post_request", "take_requests"]


def post_request(layout: RunLayout, verb: str, **arguments: Any) -> None:
    """Leave a request, such as ``"terminate"``, for the runner.

    Raises:
        StateError: the run directory cannot be written.
    """
    with writing(layout.control):
        layout.control.mkdir(mode=0o700, exist_ok=True)
    guard = layout.control.with_name("control.lock")
    with writing(guard), FileLock(guard, mode=PRIVATE):
        number = max((int(p.stem) for p in layout.control.glob("*.json") if p.stem.isdigit()), default=0) + 1
        write_json(layout.control / f"{number}.json", {"verb": verb, "from": os.getpid(), **arguments})


def take_requests(layout: RunLayout) -> list[dict[str, Any]]:
    """All requests that wait, oldest first; they are removed. A damaged one is removed and ignored."""
    if not layout.control.is_dir():
        return []
    requests = []
    for path in sorted(layout.control.glob("*.json"), key=lambda p: p.stem.rjust(12)):
        try:
            data = json.loads(read_text(path))
        except (OSError, ValueError):
            data = None
        with writing(path):
            path.unlink(missing_ok=True)
        if isinstance(data, dict) and isinstance(data.get("verb"), str):
            requests.append(data)
    return requests
