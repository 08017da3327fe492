"""Paths in a run directory, so that it can be moved.

What a run has made, and what lies beside the run, is written relative to the run directory. What a run was given is
written as it was given, with the home of the run, where its directory was then; when it is elsewhere now, such a path
is looked for in the same place as seen from the run.

What only people read keeps its absolute paths: ``script``, logs and messages.
"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["absolute", "moved", "moved_artifacts", "relative"]


def relative(path: str, root: str) -> str:
    """How an absolute path is written in the run directory ``root``; one far away stays as it is."""
    if path.startswith(f"{root}/"):
        return path[len(root) + 1 :]
    beside = f"{root.rpartition('/')[0]}/"
    return f"../{path[len(beside) :]}" if len(beside) > 1 and path.startswith(beside) else path


def absolute(text: str, root: str) -> str:
    """The path that :func:`relative` has written."""
    if text.startswith("/"):
        return text
    return os.path.normpath(f"{root}/{text}") if text.startswith("../") else f"{root}/{text}"


def moved(path: str, home: str, root: str) -> str:
    """Where a path is now that was written when the run directory was ``home``; it is ``root`` now.

    What was in the run directory is in it still, whatever there is at its old place. What was beside it is taken from
    beside it if it is there, else from where it was.
    """
    if home == root or not path.startswith("/"):
        return path
    now = os.path.normpath(f"{root}/{os.path.relpath(path, home)}")
    if path.startswith(f"{home}/"):
        return now
    return now if path.startswith(f"{_around(home, root)}/") and os.path.lexists(now) else path


def moved_artifacts(data: Any, home: str, root: str) -> Any:
    """A graph as plain data, with the files of this machine in it as :func:`moved` finds them."""
    if isinstance(data, list):
        return [moved_artifacts(item, home, root) for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("is") == "LocalArtifact" and isinstance(data.get("path"), str):
        return {**data, "path": moved(data["path"], home, root)}
    return {name: moved_artifacts(item, home, root) for name, item in data.items()}


def _around(home: str, root: str) -> str:
    """What was moved with a run at least, as the equal ends of the two places tell: the directory that it lies in."""
    one, other = home.split("/"), root.split("/")
    same = 0
    while same < min(len(one), len(other)) - 1 and one[-1 - same] == other[-1 - same]:
        same += 1
    return "/".join(one[: -max(same, 1)])
