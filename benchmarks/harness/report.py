"""The table and the JSON of the results."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.measure import Cell
    from harness.plan import Job

IMPORT_TARGET = 0.150  # seconds
HEADER = ("case", "size", "ours", "upstream", "ratio", "ours /s", "upstr. /s", "ours f+d+l", "upstr. f+d+l")
LEGEND = (
    "ratio: upstream / ours.  /s: steps per second.  f+d+l: files + directories + links per step in the run directory."
)


@dataclass(frozen=True)
class Row:
    """A job with its cells by interpreter."""

    job: Job
    cells: dict[str, Cell]

    def texts(self) -> tuple[str, ...]:
        """The columns of HEADER."""
        pair = [self.cells.get(label) for label in ("ours", "upstream")]
        return (
            self.job.case,
            self.job.label,
            *(value_text(cell, self.job) for cell in pair),
            ratio_text(self.ratio()),
            *(rate_text(cell, self.job) for cell in pair),
            *(entries_text(cell, self.job) for cell in pair),
        )

    def ratio(self) -> float | None:
        """Upstream's number divided by ours."""
        ours, theirs = (
            cell.value(self.job) if (cell := self.cells.get(name)) else None for name in ("ours", "upstream")
        )
        return theirs / ours if ours and theirs else None


def value_text(cell: Cell | None, job: Job) -> str:
    """The median, or why there is none."""
    if cell is None or not (cell.samples or cell.failures or cell.limit):
        return "-"
    value = cell.value(job)
    if cell.limit is not None:
        return f"> {cell.limit:g} s"
    if value is None:
        return "failed"
    text = f"{value:.1f}" if job.quantity == "entries" else seconds_text(value)
    return f"{text} ({len(cell.failures)} failed)" if cell.failures else text


def seconds_text(seconds: float) -> str:
    """Seconds from one on, milliseconds below."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def ratio_text(ratio: float | None) -> str:
    """A factor with two or three digits."""
    if ratio is None:
        return "-"
    return f"{ratio:.0f} x" if ratio >= 100 else f"{ratio:.2g} x"


def rate_text(cell: Cell | None, job: Job) -> str:
    """Steps per second of the timed span, where steps are timed."""
    value = cell.value(job) if cell and job.steps and job.quantity != "entries" else None
    return f"{job.steps / value:.3g}" if value else "-"


def entries_text(cell: Cell | None, job: Job) -> str:
    """Files + directories + links per step."""
    if cell is None or not cell.samples or not job.steps:
        return "-"
    return "+".join(f"{round(cell.median(kind) or 0, 1):g}" for kind in ("files", "directories", "links"))


def table(rows: Sequence[Row]) -> str:
    """Markdown that is also aligned as plain text; names to the left, numbers to the right."""
    texts = [HEADER, *(row.texts() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    lines = ["| " + " | ".join(map(align, line, widths, range(len(widths)))) + " |" for line in texts]
    rule = "".join("|" + "-" * (w + 2) if i < 2 else "|" + "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def align(text: str, width: int, column: int) -> str:
    """The names to the left, the numbers to the right."""
    return text.ljust(width) if column < 2 else text.rjust(width)


def import_lines(rows: Sequence[Row]) -> list[str]:
    """What an import costs above the bare interpreter, and whether ours meets the target."""
    medians = {(row.job.label, label): cell.median("process_wall") for row in rows for label, cell in row.cells.items()}
    lines = []
    for label in ("ours", "upstream"):
        bare, whole = medians.get(("bare interpreter", label)), medians.get(("import dflow", label))
        if bare is None or whole is None:
            continue
        above = seconds_text(max(0.0, whole - bare))
        line = f"import dflow, {label}: {seconds_text(whole)}, of which {above} above bare Python"
        if label == "ours":
            line += f"; target {seconds_text(IMPORT_TARGET)}: {'met' if whole <= IMPORT_TARGET else 'missed'}"
        lines.append(line)
    return lines


def machine() -> dict[str, Any]:
    """Where and when this was measured."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def as_json(rows: Sequence[Row], floors: dict[str, float]) -> dict[str, Any]:
    """Everything measured: machine, floors, and each row with its samples (seconds; per-step numbers of entries)."""
    return {
        "machine": machine(),
        "floors": floors,
        "rows": [
            {
                "job": asdict(row.job) | {"arguments": [a.rsplit(os.sep, 1)[-1] for a in row.job.arguments]},
                "ratio": row.ratio(),
                "cells": {label: asdict(cell) | {"median": cell.medians()} for label, cell in row.cells.items()},
            }
            for row in rows
        ],
    }
