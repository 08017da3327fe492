"""What a ``depends`` says: names of tasks, their results, ``&&``, ``||``, ``!`` and parentheses (DG-01 to DG-03)."""

from __future__ import annotations

import functools
import re
from dataclasses import field
from typing import TYPE_CHECKING

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RESULTS", "Depends", "parse"]

RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
"""What may stand behind the dot."""

_WORD = re.compile(
    r"\s*(?:(?P<symbol>&&|\|\||!|\(|\))|(?P<name>[A-Za-z0-9_][-A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)|(?P<other>\S))"
)
_BINDS = {"||": 1, "&&": 2, "!": 3}


@record(frozen=True, slots=True)
class Depends:
    """A ``depends``, read.

    Attributes:
        tasks: names of tasks, and the result behind the dot or "", in the order of the text.
        problem: why it cannot be read; empty when it can.
        steps: what is to be done, operands before their operators.
    """

    tasks: tuple[tuple[str, str], ...]
    problem: str = ""
    steps: tuple[tuple[str, str] | str, ...] = field(default=(), repr=False)

    def holds(self, has: Callable[[str, str], bool]) -> bool:
        """Whether it is true; ``has`` says whether a task has a result, "" for no result named."""
        values: list[bool] = []
        for step in self.steps:
            if isinstance(step, tuple):
                values.append(has(*step))
            elif step == "!":
                values.append(not values.pop())
            else:
                right, left = values.pop(), values.pop()
                values.append(left and right if step == "&&" else left or right)
        return values.pop() if values else True


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Depends:
    """Reads a ``depends``; the tasks that could be read before a problem are there as well."""
    words = [(match.group().strip(), match["name"], match["other"]) for match in _WORD.finditer(text)]
    tasks = tuple(_task(name) for _, name, _ in words if name)
    problem = _problem(words)
    return Depends(tasks, problem) if problem else Depends(tasks, "", tuple(_steps([word for word, _, _ in words])))


def _task(word: str) -> tuple[str, str]:
    task, _, result = word.partition(".")
    return task, result


def _problem(words: list[tuple[str, str | None, str | None]]) -> str:
    """Why the words are no ``depends``, the first reason; empty when they are one."""
    open_count, wants_task = 0, True
    for word, name, other in words:
        if other:
            return f"{word!r} cannot stand in depends"
        if (name is not None or word in {"!", "("}) is not wants_task:
            return f"{word!r} cannot stand at this place"
        open_count += {"(": 1, ")": -1}.get(word, 0)
        if open_count < 0:
            return "a ) without its ("
        wants_task = word in {"!", "(", "&&", "||"}
    if wants_task and words:
        return "it ends where a task is expected"
    return "a ( without its )" if open_count else ""


def _steps(words: list[str]) -> list[tuple[str, str] | str]:
    """Operands before their operators; ``!`` binds closest, then ``&&``."""
    done: list[tuple[str, str] | str] = []
    waiting: list[str] = []
    for word in words:
        if word in {"(", "!"}:
            waiting.append(word)
        elif word == ")":
            while waiting[-1] != "(":
                done.append(waiting.pop())
            waiting.pop()
        elif word in _BINDS:
            while waiting and waiting[-1] != "(" and _BINDS[waiting[-1]] >= _BINDS[word]:
                done.append(waiting.pop())
            waiting.append(word)
        else:
            done.append(_task(word))
    return done + waiting[::-1]
