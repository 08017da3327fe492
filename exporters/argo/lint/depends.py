"""What a ``depends`` says: names of tasks, their results, ``&&``, ``||``, ``!`` and parentheses."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Depends", "parse"]

_WORD = re.compile(
    r"\s*(?:(?P<symbol>&&|\|\||!|\(|\))|(?P<name>[A-Za-z0-9_][-A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)|(?P<other>\S))"
)


@dataclass(frozen=True)
class Depends:
    """A ``depends``, read.

    Attributes:
        tasks: names of tasks, and the result behind the dot or "".
        problem: why it cannot be read; empty when it can.
    """

    tasks: tuple[tuple[str, str], ...]
    problem: str = ""


def parse(text: str) -> Depends:
    """Reads a ``depends``; what could be read before a problem is there as well."""
    tasks: list[tuple[str, str]] = []
    problem = ""
    open_count, wants_task = 0, True
    for match in _WORD.finditer(text):
        word = match.group().strip()
        if not word:
            continue
        if match["name"]:
            task, _, result = word.partition(".")
            tasks.append((task, result))
        opens = match["name"] is not None or word in {"!", "("}
        if match["other"]:
            problem = problem or f"{word!r} cannot stand in depends"
        elif opens is not wants_task:
            problem = problem or f"{word!r} cannot stand at this place"
        open_count += {"(": 1, ")": -1}.get(word, 0)
        if open_count < 0:
            problem = problem or "a ) without its ("
        wants_task = word in {"!", "(", "&&", "||"}
    if wants_task and text.strip():
        problem = problem or "it ends where a task is expected"
    if open_count > 0:
        problem = problem or "a ( without its )"
    return Depends(tuple(tasks), problem)
