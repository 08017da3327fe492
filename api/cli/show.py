"""Printing: lines, tables and JSON on standard output."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

from dflow.engine.phase import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["marked", "print_json", "print_table", "say"]


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + os.linesep)


def marked(phase: str) -> str:
    """A phase with its symbol."""
    try:
        return f"{Phase(phase).symbol} {phase}"
    except ValueError:
        return phase


def print_json(data: Any) -> None:
    """Print a value as JSON."""
    say(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Columns as wide as what is in them; the last is cut at the terminal's edge."""
    lines = [list(head), *([str(cell).replace("\n", " ") for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    limit = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()[:limit])
