"""Where the program of a step runs: executors of one's own, and containers."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Dict, Mapping, Tuple

from dflow.engine.errors import WrongValue
from dflow.tracebacks import called_by_users

if TYPE_CHECKING:
    from dflow.container_text import run_script
    from dflow.remote import RemoteExecutor

__all__ = ["ContainerExecutor", "DirectExecutor", "Executor", "RemoteExecutor", "run_script"]


_ELSEWHERE = {"RemoteExecutor": "dflow.remote", "run_script": "dflow.container_text"}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(_ELSEWHERE[name]), name)
    return found


class Executor(ABC):
    """Changes how the script of a step is run: ``Step(..., executor=…)``.

    ``render`` gets a copy of the step's template, with its concrete ``script``, ``command`` and ``image``, of a Python
    OP too, and returns the template that is run in its place. It may change the copy. Its inputs and outputs must keep
    their names.
    """

    @abstractmethod
    def render(self, template: Any) -> Any:
        """The template that is run in place of this one."""

    def direct(self) -> Tuple[str, Dict[str, Any]] | None:
        """What the engine calls this executor, and its settings; None where ``render`` says all.

        What ``render`` gives is for a cluster then, unless it is the template as it was.
        """
        return None


class DirectExecutor(Executor):
    """An executor of the engine by its name and settings, as :meth:`Executor.direct` gives them."""

    @called_by_users
    def __init__(self, kind: str, settings: Mapping[str, Any] | None = None) -> None:
        self._kind, self._settings = kind, dict(settings or {})

    def render(self, template: Any) -> Any:
        """The template as it is: the engine runs it."""
        return template

    def direct(self) -> Tuple[str, Dict[str, Any]]:
        """Name and settings."""
        return self._kind, dict(self._settings)


class ContainerExecutor(Executor):
    """Runs steps of local runs in containers of their templates' images. On Argo every step does that anyway.

    Args:
        docker, singularity, podman, apptainer: the program to use; without any, the first of podman, docker, apptainer
            and singularity that is there.
        image_pull_policy: ``"Always"``, ``"IfNotPresent"`` or ``"Never"``.
        network: whether containers have a network.
        args: more words for the program's ``run`` or ``exec``.
    """

    @called_by_users
    def __init__(
        self,
        docker: str | None = None,
        singularity: str | None = None,
        podman: str | None = None,
        image_pull_policy: str | None = None,
        *,
        apptainer: str | None = None,
        network: bool = True,
        args: Any = (),
    ) -> None:
        self.docker, self.singularity, self.podman, self.apptainer = docker, singularity, podman, apptainer
        self.image_pull_policy, self.network = image_pull_policy, network
        self.args = tuple(args.split() if isinstance(args, str) else args)

    def render(self, template: Any) -> Any:
        """The template as it is: a pod is a container."""
        return template

    def direct(self) -> Tuple[str, Dict[str, Any]]:
        """Name and settings."""
        engines = ("podman", "docker", "apptainer", "singularity")
        chosen = [(name, getattr(self, name)) for name in engines if getattr(self, name) is not None]
        if len(chosen) > 1:
            given = " and ".join(name for name, _ in chosen)
            raise WrongValue(f"a ContainerExecutor takes one of {', '.join(engines)}, not {given}")
        engine, executable = chosen[0] if chosen else ("", "")
        settings = {
            "engine": engine,
            "executable": str(executable),
            "pull": self.image_pull_policy,
            "network": self.network,
            "extra_args": list(self.args),
        }
        return "container", settings
