"""Steps that use a Ray cluster. What is rendered is tested, but not tried against a cluster."""

from __future__ import annotations

import shlex
from typing import Any, List

from dflow.executor import Executor
from dflow.op_template import PythonScriptOPTemplate

__all__ = ["RayClusterExecutor"]

_VOLUME = "ray-python-packages"
_WORKDIR = "~/dflow/workflows/{{workflow.name}}/{{pod.name}}"


class RayClusterExecutor(Executor):
    """Has a step's program find a Ray cluster: ``ray.init()`` connects to it.

    In pods a container installs Ray before, where the image has none. A run on this machine needs it installed.

    Args:
        ray_host: its address, such as ``ray://raycluster-head:10001``; ``RAY_ADDRESS`` of the template says it better.
        ray_remote_path: where pods have Ray installed.
        workdir: kept; nothing reads it.
        ray_install_mirror: a package index in place of PyPI.
        ray_dependencies: more packages to install with Ray: their names, or modules of these names.
    """

    def __init__(
        self,
        ray_host: str,
        ray_remote_path: str = "/tmp/ray",  # noqa: S108 - upstream's
        workdir: str = _WORKDIR,
        ray_install_mirror: str | None = None,
        ray_dependencies: Any = None,
    ) -> None:
        self.ray_host, self.ray_remote_path, self.workdir = ray_host, ray_remote_path, workdir
        self.ray_install_mirror = ray_install_mirror
        self.ray_dependencies = list(ray_dependencies or [])

    def render(self, template: Any) -> Any:
        """The template whose program finds the cluster, and Ray."""
        place = self.ray_remote_path
        template.envs = {"RAY_ADDRESS": self.ray_host, **template.envs}
        if template.script is not None:
            if isinstance(template, PythonScriptOPTemplate):
                template.script = _with_line(str(template.script), f"import sys; sys.path.append({place!r})")
            else:
                line = f'export PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{shlex.quote(place)}'
                template.script = _with_line(str(template.script), line)
        mount = {"name": _VOLUME, "mountPath": place}
        installer = {
            "name": "ray-init",
            "image": template.image,
            "command": ["sh", "-c", self._install()],
            "volumeMounts": [mount],
        }
        template.volumes = [*template.volumes, {"name": _VOLUME, "emptyDir": {}}]
        template.mounts = [*template.mounts, mount]
        template.init_containers = [*template.init_containers, installer]
        return template

    def _install(self) -> str:
        """The line that installs what is missing."""
        install = ["pip", "install", f"--target={self.ray_remote_path}"]
        if self.ray_install_mirror is not None:
            install += ["-i", self.ray_install_mirror]
        lines = [f"python -c 'import ray' > /dev/null 2>&1 || {shlex.join([*install, 'ray'])}"]
        names = [str(getattr(given, "__name__", given)) for given in self.ray_dependencies]
        if names:
            lines.append(shlex.join([*install, *names]))
        return "\n".join(["set -e", *lines])


def _with_line(script: str, line: str) -> str:
    """A script with a line before its first statement; the lines that must be first stay so."""
    lines: List[str] = script.splitlines(keepends=True)
    at = 0
    for number, text in enumerate(lines, 1):
        if text.startswith("from __future__") or (number == 1 and text.startswith("#!")):
            at = number
    return "".join([*lines[:at], line + "\n", *lines[at:]])
