"""What every case does with its workflow: run it, check its result, print one JSON line."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dflow import Workflow


class Arguments(NamedTuple):
    """The command line of a case: SIZE [--op python|shell]."""

    size: int
    op: str


def arguments() -> Arguments:
    """Read the command line of a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", type=int)
    parser.add_argument("--op", choices=["python", "shell"], default="python")
    options = parser.parse_args()
    return Arguments(options.size, options.op)


def run(workflow: Workflow, *, steps: int, last: str, expected: int) -> None:
    """Submit, wait, and print the JSON line; exit 1 unless the step `last` gave `expected`.

    `wall` and `cpu` (seconds, self and reaped children) span submit() and wait(). The run directory's entries are
    counted per step, without following links.
    """
    cpu, start = cpu_seconds(), time.perf_counter()
    workflow.submit()
    workflow.wait()
    wall, cpu = time.perf_counter() - start, cpu_seconds() - cpu

    status = workflow.query_status()
    if status == "Succeeded":
        value = workflow.query_step(name=last)[0].outputs.parameters["y"].value
        if int(value) != expected:
            status = f"wrong result: {value} instead of {expected}"
    entries = count_entries(str(workflow.id))
    result = {"wall": wall, "cpu": cpu, "steps": steps, "status": status}
    print(json.dumps(result | {kind: number / steps for kind, number in entries.items()}))
    sys.exit(status != "Succeeded")


def cpu_seconds() -> float:
    """User and system time of this process and its reaped children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def count_entries(top: str) -> dict[str, int]:
    """How many regular files, directories and symbolic links lie below `top`."""
    counts = {"files": 0, "directories": 0, "links": 0}
    folders = [top]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    counts["links"] += 1
                elif entry.is_dir():
                    counts["directories"] += 1
                    folders.append(entry.path)
                else:
                    counts["files"] += 1
    return counts
