"""What every case does with its workflow: run it, check its result, print one JSON line."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow import Workflow


def arguments() -> argparse.Namespace:
    """Read the command line of a case: SIZE and, where the case has them, its options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("size", type=int)
    parser.add_argument("--op", choices=["python", "shell"], default="python")
    parser.add_argument("--isolation", help="config['isolation']; the case is skipped where it does not exist")
    parser.add_argument("--how", choices=["script", "retry"], default="script", help="how a run is gone on with")
    return parser.parse_args()


def run(workflow: Workflow, *, steps: int, last: str, expected: int, output: str = "y") -> None:
    """Submit, wait, check, print the line, and end the process: see :func:`timed`, :func:`end`."""
    try:
        result = timed(workflow)
    except ValueError as exc:
        if "isolation" not in str(exc):
            raise
        print(json.dumps({"status": "skipped", "reason": str(exc)}))
        sys.exit()
    check(workflow, result, last=last, output=output, expected=expected)
    end(result, workflow, steps=steps)


def timed(workflow: Workflow) -> dict[str, Any]:
    """Submit and wait.

    Seconds: `wall`, and `uncounted_cpu`, what this process used before; :func:`end` adds what it uses after.
    """
    cpu, start = own_cpu(), time.perf_counter()
    workflow.submit()
    workflow.wait()
    wall = time.perf_counter() - start
    return {"wall": wall, "uncounted_cpu": cpu - own_cpu(), "status": workflow.query_status()}


def check(workflow: Workflow, result: dict[str, Any], *, last: str, output: str, expected: int) -> None:
    """A workflow that succeeded must have this value in the last step."""
    if result["status"] == "Succeeded":
        value = workflow.query_step(name=last)[0].outputs.parameters[output].value
        if int(value) != expected:
            result["status"] = f"wrong result: {value} instead of {expected}"


def end(result: dict[str, Any], workflow: Workflow, *, steps: int) -> None:
    """Add what the run left on disk, print the line, exit 1 unless all is well.

    Entries are counted per step, without following links: `files`, `directories`, `links` of the run directory, and
    `step_entries` of a keyed step's own directory. `disk` is what everything below the current directory takes, in MB.
    """
    here = str(workflow.id)
    counts = count_entries(here)
    result |= {kind: number / steps for kind, number in counts.items()}
    if folders := [str(outputs.parent) for outputs in Path(here).glob("*/outputs")]:
        result["step_entries"] = sum(1 + sum(count_entries(folder).values()) for folder in folders) / len(folders)
    result["disk"] = disk_usage(".") / 1e6
    result["uncounted_cpu"] += own_cpu()
    print(json.dumps(result))
    sys.exit(result["status"] != "Succeeded")


def own_cpu() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def count_entries(top: str) -> dict[str, int]:
    """How many regular files, directories and symbolic links lie below `top`."""
    counts = {"files": 0, "directories": 0, "links": 0}
    for entry in entries_below(top):
        counts["links" if entry.is_symlink() else "directories" if entry.is_dir() else "files"] += 1
    return counts


def disk_usage(top: str) -> int:
    """Bytes on disk of what lies below `top`, each inode once, links not followed."""
    blocks = {}
    for entry in entries_below(top):
        status = entry.stat(follow_symlinks=False)
        blocks[status.st_dev, status.st_ino] = status.st_blocks
    return sum(blocks.values()) * 512


def entries_below(top: str) -> Iterator[os.DirEntry[str]]:
    """Everything below a directory."""
    folders = [top]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
