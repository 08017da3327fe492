"""``dflow gc``: what can be deleted, and deleting it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.show import print_json, print_table, say
from dflow.config import config
from dflow.engine.cleaning import WHAT, Choice, plan
from dflow.engine.durations import seconds_of
from dflow.engine.errors import ConfigError
from dflow.engine.phase import Phase
from dflow.engine.removing import clean

if TYPE_CHECKING:
    import argparse

_DAYS = {"d": 86400.0, "w": 7 * 86400.0}
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
        print_table(("WHAT", "NAME", "SIZE", "WHY"), ([r.kind, r.name, _text(r.size), r.why] for r in gone))
    for entry in kept:
        say(f"kept: {entry.name} {entry.why}")
    size = _text(sum(r.size for r in gone))
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
        raise ConfigError(
            "say which runs can go: --older 30d, --phase Failed, --keep-last 10 or --size 10G; or which parts of "
            "finished runs: --artifacts, --backups; or --uploads, --cache"
        )
    if options.size is not None and what and "runs" not in what:
        raise ConfigError("--size says how many runs can stay: leave it out, or add --runs")
    if "runs" in what and all(limit is None for limit in limits):
        raise ConfigError("--runs deletes whole runs; say which: --older, --phase, --keep-last or --size")
    if options.keep_last is not None and options.keep_last < 0:
        raise ConfigError(f"--keep-last {options.keep_last}: it must not be negative")
    return Choice(
        what=what or frozenset({"runs"}),
        older=None if options.older is None else _seconds(options.older),
        phases=_phases(options.phase),
        keep_last=options.keep_last or 0,
        size=None if options.size is None else _bytes(options.size),
        force=options.force,
        uploads=Path(str(config["debug_artifact_dir"])).absolute() / "upload",
    )


def _phases(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    known = {phase.value.lower(): phase.value for phase in Phase}
    wrong = [word for word in text.split(",") if word.strip().lower() not in known]
    if wrong:
        raise ConfigError(f"--phase {wrong[0]}: it must be one of {', '.join(known.values())}")
    return frozenset(known[word.strip().lower()] for word in text.split(","))


def _seconds(text: str) -> float:
    unit = _DAYS.get(text[-1:])
    found = seconds_of(text[:-1] if unit else text)
    if found is None:
        raise ConfigError(f"--older {text}: it must be a length of time such as 30d, 2w, 12h or 90m")
    return found * (unit or 1.0)


def _bytes(text: str) -> int:
    found = _SIZE.match(text)
    if found is None:
        raise ConfigError(f"--size {text}: it must be a number of bytes such as 10G, 500M or 0")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _text(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
