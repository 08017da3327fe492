"""The schedulers there are, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ConfigError
from dflow.executors.batch.lsf import Lsf
from dflow.executors.batch.nohup import Nohup
from dflow.executors.batch.pbs import Pbs
from dflow.executors.batch.sge import Sge
from dflow.executors.batch.shell import Shell
from dflow.executors.batch.slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.executors.batch.ports import Scheduler
    from dflow.executors.hosts import Host

__all__ = ["PROGRAMS", "scheduler_named"]

PROGRAMS = {"lsf": ("bsub",), "pbs": ("qsub",), "sge": ("qsub",), "shell": (), "slurm": ("sbatch",)}
"""What a machine must have that jobs are submitted from."""


def scheduler_named(name: str, host: Host | None = None) -> Scheduler:
    """A scheduler by its name, whatever the case.

    Args:
        host: the machine that has its commands; this one unless given.

    Raises:
        ConfigError: there is none of that name.
    """
    known: dict[str, Callable[[Host | None], Scheduler]] = {"lsf": Lsf, "pbs": Pbs, "sge": Sge, "slurm": Slurm}
    known["shell"] = _shell
    make = known.get(name.lower())
    if make is None:
        raise ConfigError(f"there is no scheduler {name!r}; there are {', '.join(sorted(known))}")
    return make(host)


def _shell(host: Host | None) -> Scheduler:
    return Shell() if host is None or not host.name else Nohup(host)
