"""Printing: lines, tables and JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

from dflow.engine.phase import Phase
from dflow.live.tails import printable
from dflow.terminal.texts import clean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["acted", "marked", "note", "only_json", "print_json", "print_table", "say"]

_NOT_SHOWN = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters that JSON leaves as they are."""


def say(text: str) -> None:
    """Print a line, or several; what came from a run does nothing to a terminal but be shown."""
    sys.stdout.write(printable(text) + os.linesep)


def note(text: str) -> None:
    """Print a line on standard error, beside what a verb prints; where that cannot be written, nothing."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def marked(phase: str) -> str:
    """A phase with its symbol."""
    try:
        return f"{Phase(phase).symbol} {phase}"
    except ValueError:
        return phase


def print_json(data: Any) -> None:
    """Print a value as JSON."""
    text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(_NOT_SHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + os.linesep)


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; the last is cut at the terminal's edge."""
    lines = [list(head), *([clean(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    limit = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()[:limit])


def acted(options: argparse.Namespace, text: str, name: str, status: str | None, **more: Any) -> None:
    """What a verb has done to a run: a line, or with ``--json`` an object with its ``id``, ``verb`` and ``status``."""
    with contextlib.suppress(BrokenPipeError):  # what was done is done, whether or not somebody reads of it
        if options.json:
            print_json({"id": name, "verb": options.verb, "status": status, **more})
        elif text:
            say(text)


@contextlib.contextmanager
def only_json(options: argparse.Namespace) -> Iterator[None]:
    """A block whose output goes to standard error where standard output is to be one JSON document."""
    if getattr(options, "json", False):
        with contextlib.redirect_stdout(sys.stderr):
            yield
    else:
        yield
