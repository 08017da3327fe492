"""How containers are run: chosen by the user, the same for all jobs of an executor."""

from __future__ import annotations

from dflow.engine.errors import ConfigError
from dflow.engine.records import record

__all__ = ["ContainerOptions"]

_ENGINES = ("podman", "docker", "singularity", "apptainer")
_POLICIES = ("Always", "IfNotPresent", "Never")


@record(frozen=True, slots=True)
class ContainerOptions:
    """How containers are run.

    Attributes:
        engine: ``"podman"``, ``"docker"``, ``"singularity"`` or ``"apptainer"``.
        executable: its program; empty means the one of its name in the search path.
        image: for templates that name none.
        pull: ``"Always"`` (once in a run), ``"IfNotPresent"``, or ``"Never"``; None means ``"IfNotPresent"``.
        network: containers have the network that the engine gives; False: they have none.
        extra_args: more words for the engine's ``run`` or ``exec``, as they are.
    """

    engine: str
    executable: str = ""
    image: str | None = None
    pull: str | None = None
    network: bool = True
    extra_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.engine not in _ENGINES:
            raise ConfigError(f"engine is {self.engine!r}; it must be one of {', '.join(map(repr, _ENGINES))}")
        if self.pull is not None and self.pull not in _POLICIES:
            allowed = ", ".join(map(repr, _POLICIES))
            raise ConfigError(f"image_pull_policy is {self.pull!r}; it must be one of {allowed}, or None")

    @property
    def program(self) -> str:
        """What is started."""
        return self.executable or self.engine

    @property
    def is_unprivileged(self) -> bool:
        """Whether it is Singularity or Apptainer: no daemon, no names, the user's own processes."""
        return self.engine in ("singularity", "apptainer")
