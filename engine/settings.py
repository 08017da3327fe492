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

__all__ = ["FEW", "RunSettings", "load_settings", "save_settings"]

FEW = 2
"""How many leaf steps may run at once on a login node."""
_NICEST = 19
_METHODS = ("symlink", "link", "copy")
_ISOLATIONS = ("fork", "spawn", "warm", "inline")


@record(frozen=True, slots=True)
class RunSettings:
    """Settings of one run.

    Attributes:
        pool_workers: how many leaf steps may run at once; None means one per processor, or on a login node a few, -1 no
            limit.
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
        login_node: this machine is there for many people to work on, and for their programs elsewhere.
        nice: how far leaf steps of this machine give way to what else runs on it: 0 (not at all) to 19.
        batch_size: how many leaf steps begin in a stretch of ``batch_interval`` seconds; None for any number.
        namespace: what ``{{workflow.namespace}}`` is.
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
    login_node: bool = False
    nice: int = 0
    batch_size: int | None = None
    batch_interval: float = 30.0
    namespace: str = "argo"

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
        if not isinstance(self.nice, int) or not 0 <= self.nice <= _NICEST:
            raise ConfigError(f"nice is {self.nice!r}; it must be a number from 0 to {_NICEST}, or None")
        if self.batch_size is not None and (not isinstance(self.batch_size, int) or self.batch_size < 1):
            raise ConfigError(f"debug_batch_size is {self.batch_size!r}; it must be a positive number, or None")
        if not isinstance(self.batch_interval, (int, float)) or self.batch_interval < 0:
            raise ConfigError(f"debug_batch_interval is {self.batch_interval!r}; it must be a number of seconds")

    def workers(self) -> int | None:
        """The limit of leaf steps at once; None for no limit."""
        if self.pool_workers == -1:
            return None
        few = min(FEW, _processors()) if self.login_node else _processors()
        return self.pool_workers or few

    def places(self, parallelism: int | None) -> int | None:
        """The limit of leaf steps at once on this machine, in a workflow of this parallelism; None for no limit.

        A parallelism says how many steps run in all. On a login node it is one of a workflow that was made for a
        cluster, so that it raises the number here only where somebody has chosen that.
        """
        if parallelism is None:
            return self.workers()
        return min(parallelism, self.workers() or parallelism) if self.login_node else parallelism


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
        reason = getattr(exc, "strerror", None) or (exc if isinstance(exc, ValueError) else "they are damaged")
        raise StateError(f"cannot read the settings of the run in {path}: {reason}") from exc


def _processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
