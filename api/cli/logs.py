"""The verb ``logs``: what steps have printed, and what they print."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from dflow import query
from dflow.cli.find import find_run, find_steps
from dflow.cli.parsing import WrongOption
from dflow.cli.show import print_json, say
from dflow.engine.errors import RunNotFound
from dflow.live.tails import last_lines_at

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from dflow.query import NodeRecord

__all__ = ["logs"]

LOG = "log.txt"


def logs(options: argparse.Namespace) -> int:
    """What a step printed, of several steps of that name all; without a step, what all have."""
    if options.tail is not None and options.tail < 0:
        raise WrongOption(f"--tail {options.tail}: it must not be negative")
    if options.follow and options.json:
        raise WrongOption("--json prints one document, and --follow goes on: use one of them")
    layout = find_run(options.id)
    if options.follow:
        from dflow.cli.following import follow

        return follow(layout, options.step, options.tail)
    if options.step is None:
        found = _with_log(query.read_nodes(layout))
    else:
        found = _with_log(find_steps(layout, options.step))
        if not found:
            raise RunNotFound(f"run {layout.id} has no log of a step {options.step!r}; see: dflow getsteps {layout.id}")
    if options.json:
        print_json(
            [
                {"id": node.id, "name": node.display, "key": node.key, "log": _text(log, options.tail)}
                for node, log in found
            ]
        )
        return 0
    for node, log in found:
        has_heading = len(found) > 1 or options.step is None
        if has_heading:
            say(f"==> {node.name}")
        _print(log, options.tail, whole=has_heading)
    return 0


def _with_log(nodes: Sequence[NodeRecord]) -> list[tuple[NodeRecord, Path]]:
    placed = [(node, node.place / LOG) for node in nodes if node.place is not None]
    return [(node, log) for node, log in placed if log.is_file()]


def _text(log: Path, tail: int | None) -> str:
    with log.open("rb") as stream:
        stream.seek(last_lines_at(stream, tail))
        return stream.read().decode("utf-8", "replace")


def _print(log: Path, tail: int | None, *, whole: bool) -> None:
    """Copy a log, or its end, to standard output; ``whole`` ends the last line."""
    sys.stdout.flush()
    with log.open("rb") as stream:
        stream.seek(last_lines_at(stream, tail))
        shutil.copyfileobj(stream, sys.stdout.buffer)
        if whole and stream.tell():
            stream.seek(-1, os.SEEK_END)
            sys.stdout.buffer.write(b"" if stream.read(1) == b"\n" else b"\n")
    sys.stdout.flush()
