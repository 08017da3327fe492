"""The lines that tracebacks show of a pickled OP: those that run, not those that its file has now."""

from __future__ import annotations

import io
import linecache
import os
from typing import TYPE_CHECKING, Any, Dict, Iterator, Set

from dflow.python.file_copies import copy_of, is_as_its_copy, read_as_it_was

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["show_lines_as_pickled"]


def show_lines_as_pickled(payload: Dict[str, Any], found: Any, ops: Path) -> None:
    """Where the file of an OP was edited since it was pickled, have its lines read from its copy; else show none.

    Args:
        found: the OP.
        ops: the directory that the copy is in.
    """
    file, digest = payload.get("file"), payload.get("file_digest")
    if not file or not digest or is_as_its_copy(file, copy_of(ops, digest)) or read_as_it_was(file, digest) is not None:
        return
    kept = read_as_it_was(copy_of(ops, digest), digest) or b""
    lines = io.StringIO(kept.decode("utf-8", "replace"), newline=None).readlines()
    for name in {file, *_names_of_file(found, os.path.basename(file))}:
        linecache.cache[name] = (len(kept), None, lines, name)


def _names_of_file(found: Any, base: str) -> Iterator[str]:
    """How the functions of an OP call their file, which may be relative."""
    kind = found if isinstance(found, type) else type(found)
    rest = [getattr(found, "func", None), *(value for one in kind.__mro__ for value in vars(one).values())]
    seen: Set[int] = set()
    while rest:
        thing = rest.pop()
        if thing is None or id(thing) in seen:
            continue
        seen.add(id(thing))
        name = getattr(getattr(thing, "__code__", None), "co_filename", "")
        if os.path.basename(name) == base:
            yield name
        rest += [getattr(thing, "__func__", None), getattr(thing, "__wrapped__", None)]
