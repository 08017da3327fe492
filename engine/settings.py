"""How one run is run: chosen at submit, kept in the run directory, the same after a resume."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from dflow.engine.durability import LEVELS
from dflow.engine.errors import ConfigError, StateError
from dflow.engine.records import record
from dflow.engine.state import read_text, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RunSettings", "load_settings", "save_settings"]

_METHODS = ("symlink", "link", "copy")
_ISOLATIONS = ("fork", "spawn", "warm", "inline")


@record(frozen=True, slots=True)
class RunSettings:
    """Settings of one run.

    Attributes:
        pool_workers: how many leaf steps may run at once; None means one per processor, -1 no limit.
        copy_method: how an input artifact gets into a step: ``"symlink"``, ``"link"`` or ``"copy"``.
        save_copy_method: how an output gets from the working directory to ``outputs/artifacts``.
        isolation: of Python OPs: ``"fork"`` (a fork of a process that has loaded the OP), ``"spawn"`` (a fresh
            interpreter), ``"warm"`` (long-lived processes run many steps each) or ``"inline"`` (in this process, one
            at a time).
        python: the interpreter of Python OPs that name no command.
        module_path: ``sys.path`` entries of the submitting process, for steps.
        packages: directories or files put on the module path of steps by name.
        library: the directory of the ``dflow`` package.
        kill_grace: seconds between SIGTERM and SIGKILL.
        durability: what a finished step survives: ``"kill"`` (the end of any process) or ``"power"`` (the end of the
            machine too; each step waits for the disk).
        objects: which object store artifacts with keys come from, in the words of who opens it; None for none.
        keep_outputs: the outputs of leaf steps go to that store.
        key_prefix: what their keys begin with.
    """

    pool_workers: int | None = None
    copy_method: str = "symlink"
    save_copy_method: str = "symlink"
    isolation: str = "fork"
    python: str = sys.executable
    module_path: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    library: str = ""
    kill_grace: float = 5.0
    durability: str = "kill"
    objects: Mapping[str, Any] | None = None
    keep_outputs: bool = False
    key_prefix: str = ""

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("debug_copy_method", self.copy_method, _METHODS),
            ("debug_save_copy_method", self.save_copy_method, _METHODS),
            ("isolation", self.isolation, _ISOLATIONS),
            ("durability", self.durability, LEVELS),
        ):
            if value not in allowed:
                raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")
        if self.pool_workers is not None and not isinstance(self.pool_workers, int):
            raise ConfigError(f"debug_pool_workers is {self.pool_workers!r}; it must be a number, or None")
        if self.pool_workers is not None and (self.pool_workers == 0 or self.pool_workers < -1):
            raise ConfigError(f"debug_pool_workers is {self.pool_workers}; it must be positive, -1 (no limit) or None")

    def workers(self) -> int | None:
        """The limit of leaf steps at once; None for no limit."""
        if self.pool_workers == -1:
            return None
        return self.pool_workers or _processors()


def save_settings(path: Path, settings: RunSettings) -> None:
    """Write the settings of a run."""
    write_json(path, dataclasses.asdict(settings))


def load_settings(path: Path) -> RunSettings:
    """The settings of a run.

    Raises:
        StateError: the file is missing or damaged.
    """
    try:
        data: dict[str, Any] = json.loads(read_text(path))
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return RunSettings(**fields)
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        raise StateError(f"cannot read the settings of the run in {path}: {exc}") from exc


def _processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
