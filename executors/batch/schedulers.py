"""The schedulers there are, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.errors import ConfigError
from dflow.executors.batch.lsf import Lsf
from dflow.executors.batch.pbs import Pbs
from dflow.executors.batch.sge import Sge
from dflow.executors.batch.shell import Shell
from dflow.executors.batch.slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.executors.batch.ports import Scheduler

__all__ = ["scheduler_named"]


def scheduler_named(name: str) -> Scheduler:
    """A scheduler by its name, whatever the case.

    Raises:
        ConfigError: there is none of that name.
    """
    known: dict[str, Callable[[], Scheduler]] = {"lsf": Lsf, "pbs": Pbs, "sge": Sge, "shell": Shell, "slurm": Slurm}
    make = known.get(name.lower())
    if make is None:
        raise ConfigError(f"there is no scheduler {name!r}; there are {', '.join(sorted(known))}")
    return make()
