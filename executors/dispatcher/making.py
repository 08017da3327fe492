"""From the settings of a ``DispatcherExecutor`` to what runs its jobs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import UnsupportedError
from dflow.executors.batch import BatchExecutor, BatchOptions, scheduler_named
from dflow.executors.batch.remote import Remote, RemoteOptions
from dflow.executors.batch.sites import Shared
from dflow.executors.dispatcher.containers import wrapper
from dflow.executors.dispatcher.heads import head_of
from dflow.executors.dispatcher.surroundings import after, before
from dflow.executors.hosts import Here
from dflow.executors.reaching import host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.settings import RunSettings
    from dflow.executors.batch.sites import Site
    from dflow.executors.hosts import Host

__all__ = ["dispatcher_executor"]

_SAME = ("Slurm", "PBS", "LSF", "SGE", "Shell")
_log = logging.getLogger("dflow.executors")
_SCHEDULERS = {"SlurmJobArray": "slurm", "Torque": "pbs", **{name: name.lower() for name in _SAME}}
_ALL = 1_000_000_000
_NOT_USED = ("forward_files", "forward_common_files")


def dispatcher_executor(settings: Mapping[str, Any], run: RunSettings, common: dict[str, Any]) -> BatchExecutor:
    """The executor that the settings mean.

    Args:
        settings: ``machine``, ``resources`` and ``task`` as dpdispatcher knows them, and how jobs are to be run.
        common: what the executors of a run have in common.

    Raises:
        ConfigError: dpdispatcher does not take them.
        MissingExtra: it is not installed, or ``asyncssh`` is not.
        UnsupportedError: a scheduler or a context that only dpdispatcher itself knows.
    """
    machine, resources = settings["machine"], dict(settings["resources"])
    name = _SCHEDULERS.get(str(machine["batch_type"]))
    if name is None:
        raise UnsupportedError(f"there is no scheduler {machine['batch_type']!r} here")
    ignored = [word for word in _NOT_USED if settings.get("task", {}).get(word)]
    if ignored:
        _log.warning("task_dict: %s: not used, a job gets the inputs of its step", ", ".join(ignored))
    host: Host = Here()
    if machine["context_type"] == "SSHContext":
        host = host_of(dict(machine["remote_profile"]), name, common)
    group = _ALL if settings.get("merge") else max(int(resources.get("group_size") or 1), 1)
    options = BatchOptions(
        head=head_of(str(machine["batch_type"]), resources),
        before=before(resources),
        after=after(resources),
        group=group,
        together=max(int(resources.get("para_deg") or 1), 1),
        interval=float(settings["interval"]),
        tries=int(settings.get("retries") or 0),
    )
    return BatchExecutor(scheduler_named(name, host), options, _site(settings, host, run), common)


def _site(settings: Mapping[str, Any], host: Host, run: RunSettings) -> Site:
    wrap = wrapper(settings["container"]) if settings.get("container") else None
    machine = settings["machine"]
    command = tuple(settings.get("remote_command") or ())
    if machine["context_type"] == "LazyLocalContext":
        return Shared(wrap, command)
    away = bool(host.name)
    back = settings.get("task", {}).get("backward_files") or ()
    options = RemoteOptions(
        root=str(machine["remote_root"]),
        python=("python3",) if away or wrap is not None else (run.python,),
        command=command,
        wrap=wrap,
        clean=bool(settings.get("clean", True)),
        library=run.library,
        more=tuple(f"workdir/{name}" for name in map(str, back)),
    )
    return Remote(host, options, run.python)
