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

HEADER = ("case", "size", "ours", "upstream", "ratio", "ours /step", "upstr. /step", "floor /step", "x floor")
LEGEND = (
    "ratio: upstream / ours.  /step: wall / CPU ms.  x floor: ours / floor, wall / CPU.  Medians; a dash: not measured."
)
# of quantities; all others are seconds
UNITS = {"step_entries": "", "main_memory": " MB", "failed": " failed", "display_share": " %"}


@dataclass(frozen=True)
class Row:
    """A job with its cells by contender."""

    job: Job
    cells: dict[str, Cell]

    def value(self, label: str, name: str = "") -> float | None:
        """The median of a value, by default the one that the job compares."""
        return cell.median(name or self.job.quantity) if (cell := self.cells.get(label)) else None

    def per_step(self, label: str, name: str) -> float | None:
        """Seconds of `wall` or `cpu` per step."""
        value = self.value(label, name)
        return None if value is None or not self.job.steps else value / self.job.steps

    def ratio(self) -> float | None:
        """Upstream's number divided by ours."""
        return divided(self.value("upstream"), self.value("ours"))

    def times_floor(self, name: str) -> float | None:
        """Our `wall` or `cpu` divided by that of the floor."""
        return divided(self.value("ours", name), self.value("floor", name))

    def texts(self) -> tuple[str, ...]:
        """The columns of HEADER."""
        labels = ("ours", "upstream", "floor") if self.job.quantity == "wall" else ()
        steps = [pair_text(*(self.per_step(label, name) for name in ("wall", "cpu")), factor=1000) for label in labels]
        return (
            self.job.case,
            self.job.label,
            *(value_text(self.cells.get(label), self.job) for label in ("ours", "upstream")),
            ratio_text(self.ratio()),
            *(steps or "---"),
            pair_text(self.times_floor("wall"), self.times_floor("cpu")),
        )


def divided(above: float | None, below: float | None) -> float | None:
    """A quotient; None where a part is missing or nothing."""
    return above / below if above and below else None


def value_text(cell: Cell | None, job: Job) -> str:
    """The median, or why there is none."""
    if cell is None or cell.skipped or not (cell.samples or cell.failures or cell.limit):
        return "skipped" if cell and cell.skipped else "-"
    value = cell.median(job.quantity)
    if value is None:
        return f"> {cell.limit:g} s" if cell.limit is not None else "failed"
    text = quantity_text(value, job.quantity)
    if job.quantity == "failed":
        text += f" of {cell.median('runs'):g}"
    return f"{text} ({len(cell.failures)} failed)" if cell.failures else text


def quantity_text(value: float, quantity: str) -> str:
    """A value with its unit."""
    return f"{round(value, 1):g}{UNITS[quantity]}" if quantity in UNITS else seconds_text(value)


def seconds_text(seconds: float) -> str:
    """Seconds from one on, milliseconds below."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def ratio_text(ratio: float | None) -> str:
    """A factor with two or three digits."""
    if ratio is None:
        return "-"
    return f"{ratio:.0f} x" if ratio >= 100 else f"{ratio:.2g} x"


def pair_text(wall: float | None, cpu: float | None, *, factor: float = 1) -> str:
    """Wall / CPU."""
    values = [f"{value * factor:.3g}" for value in (wall, cpu) if value is not None]
    return " / ".join(values) or "-"


def table(rows: Sequence[Row]) -> str:
    """The results as a table."""
    return aligned([HEADER, *(row.texts() for row in rows)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Markdown that is also aligned as plain text; two columns of names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ["| " + " | ".join(map(align, line, widths, range(len(widths)))) + " |" for line in lines]
    rule = "".join("|" + "-" * (w + 2) if i < 2 else "|" + "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([texts[0], rule, *texts[1:]])


def align(text: str, width: int, column: int) -> str:
    """The names to the left, the numbers to the right."""
    return text.ljust(width) if column < 2 else text.rjust(width)


def remarks(rows: Sequence[Row]) -> list[str]:
    """Why runs failed, or were left out."""
    lines = []
    for row in rows:
        for label, cell in row.cells.items():
            name = f"{row.job.case} {row.job.label}, {label}"
            lines += [f"failed: {name}: {message}" for message in sorted(set(cell.failures))]
            lines += [f"skipped: {name}: {cell.skipped}"] if cell.skipped else []
            lines += [f"stopped: {name}: after {cell.limit:g} s"] if cell.limit else []
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


def as_json(rows: Sequence[Row], verdicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything measured: machine, targets, and each row with its samples (seconds, MB, numbers per step)."""
    return {
        "machine": machine(),
        "targets": list(verdicts),
        "rows": [
            {
                "job": asdict(row.job) | {"arguments": [a.rsplit(os.sep, 1)[-1] for a in row.job.arguments]},
                "ratio": row.ratio(),
                "cells": {label: asdict(cell) | {"median": cell.medians()} for label, cell in row.cells.items()},
            }
            for row in rows
        ],
    }
