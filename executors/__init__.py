"""Ways to run the program of a leaf step. Each module is one; nothing here knows of the API."""

from __future__ import annotations

from shutil import which
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ConfigError, UnsupportedError

if TYPE_CHECKING:
    from dflow.engine.model import ExecutorSpec
    from dflow.engine.ports import Executor
    from dflow.engine.settings import RunSettings
    from dflow.executors.first import First

__all__ = ["make_executor", "make_other"]

_SCHEDULERS = ("slurm", "pbs", "lsf", "sge", "shell")
_ENGINES = ("podman", "docker", "apptainer", "singularity")


def make_executor(settings: RunSettings, ahead: First | None = None) -> Executor:
    """The executor for the isolation that a run asks for.

    Args:
        ahead: the first server of processes, where it was started already.
    """
    if settings.isolation == "inline":
        from dflow.executors.inline import InlineExecutor

        return InlineExecutor(settings.nice)
    from dflow.executors.first import is_possible

    if not is_possible():
        from dflow.executors.subprocess import SubprocessExecutor

        return SubprocessExecutor(settings.nice)
    from dflow.executors.fork import ForkExecutor

    return ForkExecutor(settings.isolation, settings.python, settings.library, ahead, nice=settings.nice)


def make_other(spec: ExecutorSpec, run: RunSettings, common: dict[str, Any] | None = None) -> Executor:
    """The executor that a call names.

    Args:
        common: what the executors of a run have in common: there is one connection and one who asks for each machine.

    Raises:
        ConfigError: its settings are wrong.
        UnsupportedError: there is none of that kind, or what it needs is not on this machine.
    """
    import json

    settings, common = json.loads(spec.config), {} if common is None else common
    try:
        if spec.kind == "container":
            return _container(settings, run)
        if spec.kind in _SCHEDULERS:
            return _batch(spec.kind, settings, common)
        if spec.kind == "remote":
            return _remote(settings, run, common)
        if spec.kind == "dispatcher":
            from dflow.executors.dispatcher import dispatcher_executor

            return dispatcher_executor(settings, run, common)
    except TypeError as exc:
        raise ConfigError(f"the settings of the executor {spec.kind!r} are wrong: {exc}") from exc
    raise UnsupportedError(f"there is no executor {spec.kind!r}")


def _container(settings: dict[str, Any], run: RunSettings) -> Executor:
    from dflow.executors.container import ContainerExecutor, ContainerOptions

    engine = settings.pop("engine", "") or next((name for name in _ENGINES if which(name)), "")
    if not engine:
        raise UnsupportedError(f"a step is to run in a container, and none of {', '.join(_ENGINES)} is on this machine")
    return ContainerExecutor(ContainerOptions(engine, **_tuples(settings)), run.python, nice=run.nice)


def _batch(name: str, settings: dict[str, Any], common: dict[str, Any]) -> Executor:
    from dflow.executors.batch import BatchExecutor, BatchOptions, Resources, scheduler_named

    resources = Resources(**_tuples(settings.pop("resources", {})))
    options = BatchOptions(resources=resources, **_tuples(settings))
    return BatchExecutor(scheduler_named(name), options, common=common)


def _remote(settings: dict[str, Any], run: RunSettings, common: dict[str, Any]) -> Executor:
    """A scheduler of a machine that SSH reaches: ``host``, ``scheduler``, ``remote``, ``head`` and other options."""
    from dflow.executors.batch import BatchExecutor, BatchOptions, Resources, scheduler_named
    from dflow.executors.batch.remote import Remote, RemoteOptions
    from dflow.executors.dispatcher.containers import wrapper
    from dflow.executors.reaching import host_of

    name, container = settings.pop("scheduler"), settings.pop("container", None)
    host = host_of(settings.pop("host"), name, common)
    wrap = wrapper(container) if container else None
    away = RemoteOptions(wrap=wrap, library=run.library, **_tuples(settings.pop("remote", {})))
    resources = Resources(**_tuples(settings.pop("resources", {})))
    options = BatchOptions(resources=resources, **_tuples(settings))
    return BatchExecutor(scheduler_named(name, host), options, Remote(host, away, run.python), common)


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
