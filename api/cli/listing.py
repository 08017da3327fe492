"""The verb ``list``: the runs of a directory."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow import query
from dflow.cli.find import pairs
from dflow.cli.journal import last_sign, loop_counts, workflow_events
from dflow.cli.looking import runner_of, silent
from dflow.cli.show import marked, print_json, print_table
from dflow.cli.words import fits, length, phases_of, seconds_of_option
from dflow.config import config
from dflow.engine.errors import StateError
from dflow.engine.layout import is_closed
from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.engine.state import read_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from dflow.engine.layout import RunLayout

__all__ = ["list_runs"]

_TABLE_FORMAT = "%Y-%m-%d %H:%M:%S"


def list_runs(options: argparse.Namespace) -> None:
    """Runs in a directory."""
    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    phases = phases_of(options.phase)
    rows = [_run_row(layout) for layout in _chosen(query.list_runs(folder), options)]
    closed = sum(is_closed(entry) for entry in folder.iterdir())
    if closed:
        sys.stderr.write(f"dflow: {closed} run{'' if closed == 1 else 's'} of other users cannot be looked into\n")
    rows = [row for row in rows if phases is None or row["status"] in phases]
    if options.json:
        print_json(rows)
        return
    print_table(
        ("ID", "STATUS", "STARTED", "TIME", "STEPS"),
        ([r["id"], _with_silence(r), r["started"], length(r["duration"]), _of(r)] for r in rows),
    )


def _chosen(found: Iterable[RunLayout], options: argparse.Namespace) -> Iterator[RunLayout]:
    """What can be told of a run without reading what has happened in it."""
    now = time.time()
    begun_before = None if options.older is None else now - seconds_of_option("--older", options.older)
    begun_after = None if options.newer is None else now - seconds_of_option("--newer", options.newer)
    wanted = pairs(options.label.split(","), "--label") if options.label else {}
    for layout in found:
        began = layout.graph.stat().st_mtime
        if options.name is not None and not fits(layout.id, options.name):
            continue
        if (begun_before is not None and began > begun_before) or (begun_after is not None and began < begun_after):
            continue
        if wanted and not wanted.items() <= _labels(layout).items():
            continue
        yield layout


def _labels(layout: RunLayout) -> dict[str, str]:
    try:
        return dict(json.loads(read_text(layout.graph)).get("labels") or ())
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # a damaged run has none


def _run_row(layout: RunLayout) -> dict[str, Any]:
    try:
        status = query.read_status(layout)
        nodes = query.read_nodes(layout)
    except StateError:
        empty = dict.fromkeys(("finished", "duration", "done", "steps", "suspended", "runner"))
        return {"id": layout.id, "status": "damaged", "started": "", **empty}
    first, last = _times(layout)
    began = layout.graph.stat().st_mtime if first is None else first
    ended = last if Phase(status).is_final else None
    until = ended if Phase(status).is_final else time.time()
    return {
        "id": layout.id,
        "status": status,
        "started": time.strftime(_TABLE_FORMAT, time.localtime(began)),
        "finished": None if ended is None else time.strftime(_TABLE_FORMAT, time.localtime(ended)),
        "duration": None if first is None or until is None else round(until - first, 3),
        "done": sum(1 for node in nodes if node.phase.is_ok and node.type in LEAF_TYPES),
        "steps": sum(n.type in LEAF_TYPES for n in nodes) + (0 if Phase(status).is_final else _to_come(layout, nodes)),
        "suspended": not Phase(status).is_final and layout.suspended.exists(),
        "runner": runner_of(layout),
    }


def _to_come(layout: RunLayout, nodes: Iterable[query.NodeRecord]) -> int:
    """How many copies have not begun, of loops that have."""
    counts, begun = loop_counts(layout), Counter[str]()
    for node in nodes if counts else ():
        call, bracket, _ = node.display.partition("(")
        if bracket and node.name.endswith(node.display):
            begun[node.name[: -len(node.display)] + call] += 1
    return sum(max(0, count - begun[name]) for name, count in counts.items())


def _times(layout: RunLayout) -> tuple[float | None, float | None]:
    """When the run was begun first, and the last that is known of it."""
    events = [event for event in workflow_events(layout) if isinstance(event.get("at"), (int, float))]
    if not events:
        return None, None
    return events[0]["at"], events[-1]["at"] if _is_end(events[-1]) else last_sign(layout)


def _is_end(event: dict[str, Any]) -> bool:
    return str(event.get("phase")) in {phase.value for phase in Phase if phase.is_final}


def _with_silence(row: dict[str, Any]) -> str:
    return marked(row["status"]) + (" (suspended)" if row["suspended"] else "") + silent(row["runner"])


def _of(row: dict[str, Any]) -> str:
    return "" if row["steps"] is None else f"{row['done']}/{row['steps']}"
