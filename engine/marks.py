"""How an output artifact looked when its step was committed, so that a later change of it can be named.

A mark is three numbers, the size, the time of the last change in nanoseconds, and the inode, of the file; where the
artifact is a directory with one file, of that file; else of the directory. Links are followed. It costs a ``stat``
and, for a directory, a listing of one level; what lies deeper is compared by time alone, see ``engine.doctor``.
"""

from __future__ import annotations

import os

from dflow.engine.catalog import CATALOG

__all__ = ["GONE", "difference", "mark"]

GONE = "has vanished"
_IS_DIRECTORY = 0o040000
_WORDS = ("size", "time", "inode")


def mark(path: str) -> list[int] | None:
    """How the artifact at ``path`` looks now; None when it is gone."""
    try:
        found = os.stat(path)  # noqa: PTH116 - for each step: a text is quicker
        if found.st_mode & 0o170000 == _IS_DIRECTORY:
            names = os.listdir(path)  # noqa: PTH208 - the same
            if len(names) == 1 or (len(names) == 2 and CATALOG in names):
                only = names[0] if names[0] != CATALOG else names[-1]
                found = os.stat(f"{path}/{only}")  # noqa: PTH116 - the same
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def difference(path: str, old: object) -> str | None:
    """What has become of the artifact at ``path`` since it was marked, in words; None when nothing has.

    A moved or copied run has other inodes: an inode alone, with the same size and time, counts for nothing.
    """
    if not isinstance(old, list) or len(old) != len(_WORDS):
        return None
    new = mark(path)
    if new is None:
        return GONE
    if new[:2] == old[:2]:
        return None
    words = [word for word, before, now in zip(_WORDS, old, new, strict=True) if before != now]
    return f"was changed ({', '.join(words)})"
