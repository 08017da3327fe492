"""``dflow pack`` and ``dflow unpack``: a run in one file, and back."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dflow
from dflow.cli.find import find_run
from dflow.cli.show import acted, say
from dflow.config import config
from dflow.engine.errors import LeaseHeld
from dflow.engine.lease import is_running
from dflow.engine.settings import load_settings, save_settings
from dflow.engine.state import read_text, write_json, writing
from dflow.query import read_status
from dflow.storage.archives import Limits
from dflow.storage.run_packs import pack_run, unpack_run

if TYPE_CHECKING:
    import argparse

    from dflow.engine.layout import RunLayout

__all__ = ["pack", "unpack"]

_SHOWN = 5


def pack(options: argparse.Namespace) -> None:
    """Write a run into one file."""
    layout = find_run(options.id)
    if is_running(layout) and not options.running:
        raise LeaseHeld(
            f"workflow {layout.id} is running: wait for it with dflow wait {layout.id}, or pack it as it is, with "
            "steps that are half done, with --running"
        )
    target = options.output if options.output is not None else Path(f"{layout.id}.tar.gz")
    packed = pack_run(layout, target, uploads=options.uploads)
    if options.json:
        acted(options, "", layout.id, read_status(layout), file=str(target))
        return
    size = target.stat().st_size
    more = f", with what it links to in {len(packed.outside)} places outside" if packed.outside else ""
    say(f"{layout.id} is in {target} ({size / 2**20:.1f} MB){more}")
    for text in packed.left_out[:_SHOWN]:
        say(f"not in it: {text}")
    if len(packed.left_out) > _SHOWN:
        say(f"not in it: {len(packed.left_out) - _SHOWN} more")
    say(f"to use it elsewhere: dflow unpack {target.name}")


def unpack(options: argparse.Namespace) -> None:
    """Make a run of what was packed."""
    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    limits = Limits(ratio=None) if options.any_size else None
    layout = unpack_run(options.file, folder, limits=limits)
    settle(layout)
    if options.json:
        acted(options, "", layout.id, read_status(layout), directory=str(layout.root))
        return
    where = layout.id if options.dir is None else str(layout.root)
    say(f"{layout.id} is in {layout.root}; look at it with: dflow get {where}")
    say(
        "to resume, retry or resubmit it runs the code that is in it, pickled Python objects included: "
        "do that only if it comes from somebody whom you trust"
    )


def settle(layout: RunLayout) -> None:
    """Have the steps of a run find this installation, where the one that it was made with is not here."""
    library = str(Path(next(iter(dflow.__path__))).absolute())
    link = layout.lib / "dflow"
    with writing(link):
        layout.lib.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(library)
    settings = load_settings(layout.settings)
    if os.access(settings.python, os.X_OK) and os.path.isfile(f"{settings.library}/__init__.py"):
        return
    paths = tuple(os.path.abspath(path) for path in sys.path)
    save_settings(layout.settings, replace(settings, python=sys.executable, library=library, module_path=paths))
    for file in layout.ops.glob("*.json"):
        write_json(file, {**json.loads(read_text(file)), "path": paths})
