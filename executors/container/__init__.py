"""Steps in containers: their programs run in images, by podman, docker, Singularity or Apptainer."""

from __future__ import annotations

from dflow.executors.container.executor import ContainerExecutor
from dflow.executors.container.options import ContainerOptions

__all__ = ["ContainerExecutor", "ContainerOptions"]
