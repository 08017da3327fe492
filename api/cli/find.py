"""Which run, and which of its steps, a word on the command line means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow import query
from dflow.cli.parsing import WrongOption
from dflow.cli.show import note
from dflow.config import config
from dflow.engine.errors import ConfigError, RunNotFound, StateError
from dflow.engine.layout import RunLayout, is_closed, is_run
from dflow.engine.near import near_aside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["LATEST", "find_run", "find_steps", "no_such_step", "pairs"]

LATEST = "@latest"


def find_run(text: str | None, *, damaged: bool = False) -> RunLayout:
    """The run of an id, of the beginning of one, in a directory, or the latest one.

    Args:
        text: None for the latest one, which is named on standard error.
        damaged: a directory that has lost its graph will do as well.

    Raises:
        RunNotFound: there is none, or more than one.
        StateError: it is another user's.
    """
    if text is None:
        layout = find_run(LATEST, damaged=damaged)
        note(f"run {layout.id}")
        return layout
    if not text.strip():
        raise ConfigError("the id of the run is empty; see: dflow list")
    folder = Path(str(config["debug_workdir"])).absolute()
    for place in (Path(text).absolute(), folder / text):
        if is_closed(place):
            raise StateError(f"cannot look into run {place}: Permission denied; it is another user's")
        if is_run(place) or (damaged and (place / ".dflow").is_dir()):
            return RunLayout(place)
    known = query.list_runs(folder)
    if text == LATEST:
        if not known:
            raise RunNotFound(f"there is no run in {folder}")
        return known[0]
    found = [layout for layout in known if layout.id.startswith(text)]
    if len(found) == 1:
        return found[0]
    ids = [layout.id for layout in known]
    if not found:
        raise RunNotFound(f"there is no run {text!r} in {folder}{near_aside(text, ids)}; see: dflow list")
    raise RunNotFound(f"{text!r} is the beginning of {len(found)} ids: {', '.join(layout.id for layout in found)}")


def pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """What ``option NAME=VALUE`` gives, of all the times that it was used.

    Raises:
        WrongOption: one of them is no such pair.
    """
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise WrongOption(f"{option} {text}: it must be NAME=VALUE")
        found[name] = value
    return found


def find_steps(layout: RunLayout, word: str) -> Sequence[query.NodeRecord]:
    """The steps of a key or an id, else those of a name, else the copies of a loop of that name.

    Raises:
        RunNotFound: there is none.
    """
    nodes = query.read_nodes(layout)
    found = [n for n in nodes if word in (n.key, n.id)] or [n for n in nodes if n.display == word]
    found = found or [n for n in nodes if n.display.startswith(f"{word}(") and n.display.endswith(")")]
    if not found:
        raise no_such_step(layout, word, [name for n in nodes for name in (n.key, n.display.partition("(")[0]) if name])
    return found


def no_such_step(layout: RunLayout, word: str, known: Iterable[str]) -> RunNotFound:
    """The error for a step that is not there, with the words that look like it."""
    hint = near_aside(word, list(dict.fromkeys(known)))
    return RunNotFound(f"run {layout.id} has no step {word!r}{hint}; see: dflow getsteps {layout.id}")
