"""Words of the command line that stand for times, sizes and phases, and how these are shown."""

from __future__ import annotations

import fnmatch

from dflow.cli.parsing import WrongOption
from dflow.engine.durations import seconds_of
from dflow.engine.phase import Phase
from dflow.terminal.amounts import length, size_text

__all__ = ["fits", "length", "phases_of", "seconds_of_option", "size_text"]

_DAYS = {"d": 86400.0, "w": 7 * 86400.0}


def phases_of(text: str | None) -> frozenset[str] | None:
    """The phases that ``--phase`` names; None for all.

    Raises:
        WrongOption: one of them is none.
    """
    if text is None:
        return None
    known = {phase.value.lower(): phase.value for phase in Phase}
    wrong = [word for word in text.split(",") if word.strip().lower() not in known]
    if wrong:
        raise WrongOption(f"--phase {wrong[0]}: it must be one of {', '.join(known.values())}")
    return frozenset(known[word.strip().lower()] for word in text.split(","))


def seconds_of_option(option: str, text: str) -> float:
    """How long ``30d``, ``2w``, ``12h`` is.

    Raises:
        WrongOption: it is no length of time.
    """
    unit = _DAYS.get(text[-1:])
    found = seconds_of(text[:-1] if unit else text)
    if found is None:
        raise WrongOption(f"{option} {text}: it must be a length of time such as 30d, 2w, 12h or 90m")
    return found * (unit or 1.0)


def fits(name: str, pattern: str) -> bool:
    """Whether a name begins so, or fits a pattern with ``*``, ``?`` and ``[…]``."""
    return fnmatch.fnmatchcase(name, pattern) if set("*?[") & set(pattern) else name.startswith(pattern)
