"""What the shell is told when somebody presses Tab: verbs, options, runs and steps.

Nothing but directories and journals is read, and no more than that is imported: an answer must come at once.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

from dflow.cli.parsing import options_of
from dflow.cli.shells import SCRIPTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["answer", "candidates", "completion"]

_PHASES = ("Error", "Failed", "Omitted", "Pending", "Running", "Skipped", "Succeeded", "Terminated")
_TYPES = ("DAG", "HTTP", "Pod", "Skipped", "Steps", "Suspend")
_MOST_READ = 16 << 20
_MOST_SHOWN = 1000
_NAME = re.compile(rb'"(?:key|displayName)": ?"((?:[^"\\]|\\.)*)"')
_LATEST = "@latest"
_KEPT = "@$"
"""Characters that begin a word for readline, and belong to it."""
_RUNS, _STEPS = ("id", "graph", "source"), ("step",)


def completion(options: argparse.Namespace) -> None:
    """Print the script for a shell."""
    sys.stdout.write(SCRIPTS[options.shell])


def answer(words: Sequence[str]) -> int:
    """Print what can stand in place of the last word, one candidate a line.

    Args:
        words: ``bash LINE WORDBREAKS``, or ``words`` and all words behind ``dflow``, the last the one that is typed.
    """
    try:
        if words[:1] == ["bash"]:
            line, breaks = [*words[1:], "", ""][:2]
            typed, quote = _split(line)
            typed = typed[1:]
            found = _behind_breaks(candidates(typed), typed[-1], breaks, quote) if typed else []
        else:
            found = candidates(words[1:])
        sys.stdout.write("".join(f"{word}\n" for word in found))
    except (OSError, ValueError):
        return 1  # no place for messages
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """The words that can stand in place of the last one; none where file names can."""
    from dflow.cli.main import make_parser

    parser = make_parser()
    current = words[-1] if words else ""
    before = list(words[:-1])
    if not before:
        return _fitting([*parser.verbs, "--help", "--version"] if current.startswith("-") else parser.verbs, current)
    verb = parser.verbs.get(before[0])
    if verb is None:
        return []
    option, values = _place(verb, before[1:])
    if (before[0] == "run" and values) or "--" in before:
        return []  # the rest is the script's
    if option is None and current.startswith("-"):
        return _fitting(options_of(verb), current)
    action = option if option is not None else _positional(verb, len(values))
    return [] if action is None else _of_action(action, current, values)


def _place(verb: argparse.ArgumentParser, words: Sequence[str]) -> tuple[argparse.Action | None, list[str]]:
    """The option whose value comes next, if one does, and the words before that belong to no option."""
    options = {word: action for action in verb._actions for word in action.option_strings}
    values: list[str] = []
    waiting: argparse.Action | None = None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word in options:
            waiting = options[word] if options[word].nargs is None else None
        elif not word.startswith("-"):
            values.append(word)
    return waiting, values


def _positional(verb: argparse.ArgumentParser, number: int) -> argparse.Action | None:
    positionals = [action for action in verb._actions if not action.option_strings]
    if number < len(positionals):
        return positionals[number]
    return positionals[-1] if positionals and positionals[-1].nargs == "*" else None


def _of_action(action: argparse.Action, current: str, values: Sequence[str]) -> list[str]:
    if action.choices is not None:
        return _fitting([str(choice) for choice in action.choices], current)
    if action.dest in ("phase", "type"):
        done, comma, last = current.rpartition(",")
        known = _PHASES if action.dest == "phase" else _TYPES
        return [f"{done}{comma}{word}" for word in known if word.lower().startswith(last.lower())]
    if action.dest in _RUNS:
        return _fitting([*sorted(_runs()), _LATEST], current)
    if action.dest in (*_STEPS, "key") and values:
        return _fitting(_steps(values[0], "(" in current), current)
    return []


def _fitting(words: Iterable[str], current: str) -> list[str]:
    return [word for word in words if word.startswith(current) and word.isprintable()][:_MOST_SHOWN]


def _folder() -> str:
    return os.environ.get("DFLOW_DEBUG_WORKDIR") or "."


def _is_run(path: str) -> bool:
    return os.path.isfile(os.path.join(path, ".dflow", "graph.json"))


def _runs() -> Iterator[str]:
    for entry in os.scandir(_folder()):
        if not entry.name.startswith(".") and _is_run(entry.path):
            yield entry.name


def _steps(run: str, copies: bool) -> list[str]:
    """The keys and names of the steps of a run; the copies of a loop have one name."""
    place = _run_directory(run)
    if place is None:
        return []
    with open(os.path.join(place, ".dflow", "journal.jsonl"), "rb") as stream:
        found = dict.fromkeys(_NAME.findall(stream.read(_MOST_READ)))
    texts = [json.loads(b'"' + name + b'"') for name in found]
    hidden = os.path.basename(os.path.abspath(place))
    names = dict.fromkeys(text if copies else text.partition("(")[0] for text in texts)
    return [name for name in names if name and name != hidden and not name.startswith("[")]


def _run_directory(text: str) -> str | None:
    for place in (text, os.path.join(_folder(), text)):
        if _is_run(place):
            return place
    known = [os.path.join(_folder(), name) for name in _runs() if text == _LATEST or name.startswith(text)]
    if text == _LATEST and known:
        return max(known, key=lambda place: os.path.getmtime(os.path.join(place, ".dflow", "graph.json")))
    return known[0] if len(known) == 1 else None


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line as bash has them, without quotes and backslashes, and the quote that is open at its end.

    The last word is there as far as it is typed.
    """
    words, current, quote, escaped, inside = [], "", "", False, False
    for char in line:
        if escaped:
            current, escaped = current + char, False
        elif char == "\\" and quote != "'":
            escaped = inside = True
        elif quote:
            quote, current = ("", current) if char == quote else (quote, current + char)
        elif char in "\"'":
            quote, inside = char, True
        elif char.isspace():
            if current or inside:
                words.append(current)
            current, inside = "", False
        else:
            current, inside = current + char, True
    return [*words, current], quote


def _behind_breaks(found: Sequence[str], current: str, breaks: str, quote: str) -> list[str]:
    """Candidates as bash wants them: quoted, and without what is before the last character that ends its words.

    Where a quote is open, the word is all that stands behind it, and bash closes it.
    """
    if quote == "'":
        return [word.replace("'", "'\\''") for word in found]
    if quote:
        return [re.sub(r'(["$`\\])', r"\\\1", word) for word in found]
    ends = {char: current.rfind(char) + (char not in _KEPT) for char in breaks if char not in " \t\n\"'"}
    end = max([0, *ends.values()])
    return [re.sub(r"([^\w@%+=:,./{}\[\]~-])", r"\\\1", word[end:]) for word in found]
