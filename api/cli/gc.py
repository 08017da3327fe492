"""``dflow gc``: what can be deleted, and deleting it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.parsing import WrongOption
from dflow.cli.show import print_json, print_table, say
from dflow.cli.words import phases_of, seconds_of_option, size_text
from dflow.config import config
from dflow.engine.cleaning import WHAT, Choice, plan
from dflow.engine.removing import clean

if TYPE_CHECKING:
    import argparse

__all__ = ["gc"]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?\Z", re.IGNORECASE)


def gc(options: argparse.Namespace) -> int:
    """Show what would go, or delete it."""
    choice = _choice(options)
    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    found = plan(folder, choice)
    kept = clean(found) if options.delete else []
    kept = [*found.kept, *kept]
    left = {entry.name for entry in kept}
    gone = [removal for removal in found.removals if removal.run is None or removal.name not in left]
    if options.json:
        print_json(
            {
                "directory": str(folder),
                "deleted": options.delete,
                "size": sum(r.size for r in gone),
                "removals": [{"kind": r.kind, "name": r.name, "size": r.size, "why": r.why} for r in gone],
                "kept": [{"name": k.name, "why": k.why} for k in kept],
            }
        )
        return 0
    if gone:
        print_table(("WHAT", "NAME", "SIZE", "WHY"), ([r.kind, r.name, size_text(r.size), r.why] for r in gone))
    for entry in kept:
        say(f"kept: {entry.name} {entry.why}")
    size = size_text(sum(r.size for r in gone))
    if not gone:
        say("there is nothing to delete")
    elif options.delete:
        say(f"deleted {len(gone)}, {size}")
    else:
        say(f"would delete {len(gone)}, {size}; nothing was changed: to delete, add --delete")
    return 0


def _choice(options: argparse.Namespace) -> Choice:
    what = frozenset(name for name in WHAT if getattr(options, name))
    limits = (options.older, options.phase, options.keep_last, options.size)
    if not what and all(limit is None for limit in limits):
        raise WrongOption(
            "say which runs can go: --older 30d, --phase Failed, --keep-last 10 or --size 10G; or which parts of "
            "finished runs: --artifacts, --backups; or --uploads, --cache"
        )
    if options.size is not None and what and "runs" not in what:
        raise WrongOption("--size says how many runs can stay: leave it out, or add --runs")
    if "runs" in what and all(limit is None for limit in limits):
        raise WrongOption("--runs deletes whole runs; say which: --older, --phase, --keep-last or --size")
    if options.keep_last is not None and options.keep_last < 0:
        raise WrongOption(f"--keep-last {options.keep_last}: it must not be negative")
    return Choice(
        what=what or frozenset({"runs"}),
        older=None if options.older is None else seconds_of_option("--older", options.older),
        phases=phases_of(options.phase),
        keep_last=options.keep_last or 0,
        size=None if options.size is None else _bytes(options.size),
        force=options.force,
        uploads=Path(str(config["debug_artifact_dir"])).absolute() / "upload",
    )


def _bytes(text: str) -> int:
    found = _SIZE.match(text)
    if found is None:
        raise WrongOption(f"--size {text}: it must be a number of bytes such as 10G, 500M or 0")
    return int(float(found[1]) * _UNITS[found[2].upper()])
