"""The verbs that end runs: ``suspend``, ``terminate``, ``stop``, ``delete``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dflow import local, query
from dflow.cli.find import find_run
from dflow.cli.show import acted
from dflow.engine.errors import ConfigError

if TYPE_CHECKING:
    import argparse

__all__ = ["delete", "stop", "suspend", "terminate"]


def suspend(options: argparse.Namespace) -> None:
    """Start no more steps of a run."""
    layout = find_run(options.id)
    local.post(layout, "suspend")
    text = f"{layout.id} is suspended; go on with: dflow resume {layout.id}"
    acted(options, text, layout.id, query.read_status(layout))


def terminate(options: argparse.Namespace) -> None:
    """End a run at once."""
    _end(options)


def stop(options: argparse.Namespace) -> None:
    """End a run; its exit handler runs."""
    _end(options)


def _end(options: argparse.Namespace) -> None:
    layout, verb = find_run(options.id), options.verb
    ended = local.request(layout, verb)
    status = query.read_status(layout)
    before = f"{layout.id} had ended before, {status}; there is nothing to {verb}"
    acted(options, f"{layout.id} {status}" if ended else before, layout.id, status, changed=ended)


def delete(options: argparse.Namespace) -> None:
    """Delete the directory of a run."""
    layout = find_run(options.id)
    if layout.id not in (options.id, Path(options.id).name):
        raise ConfigError(f"to delete a run, name it in full: dflow delete {layout.id}")
    local.delete(layout)
    acted(options, f"deleted {layout.root}", layout.id, None, directory=str(layout.root))
