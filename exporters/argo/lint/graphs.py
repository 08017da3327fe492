"""Which task waits for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["ancestors", "cycle", "in_order"]


def cycle(waits_for: Mapping[str, Collection[str]]) -> list[str]:
    """A circle of names that wait for each other, with its first name again at the end; empty without one."""
    done: set[str] = set()
    for start in waits_for:
        trail: list[str] = []
        on_trail: set[str] = set()
        stack = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                done.add(trail.pop())
                on_trail.discard(name)
            elif name in on_trail:
                return [*trail[trail.index(name) :], name]
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                stack.append((name, True))
                stack.extend((other, False) for other in waits_for.get(name, ()) if other in waits_for)
    return []


def in_order(waits_for: Mapping[str, Collection[str]]) -> list[str]:
    """The names, those that are waited for first; a circle is cut somewhere."""
    found: dict[str, None] = {}
    entered: set[str] = set()
    for start in waits_for:
        stack = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                found[name] = None
            elif name not in entered:
                entered.add(name)
                stack.append((name, True))
                stack.extend((other, False) for other in reversed(list(waits_for.get(name, ()))) if other in waits_for)
    return list(found)


def ancestors(waits_for: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """For each name all names that are finished before it starts."""
    found: dict[str, frozenset[str]] = {}
    for name in in_order(waits_for):
        direct = [other for other in waits_for[name] if other in waits_for]
        found[name] = frozenset(direct).union(*(found.get(other, frozenset()) for other in direct))
    return found
