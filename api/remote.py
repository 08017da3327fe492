"""Executors that run the scripts of steps on another machine, by ``ssh`` alone: what they render is shell text.

The rendered step runs where any step runs, here or in a pod; it needs ``ssh``, ``tar`` and a POSIX shell.
"""

from __future__ import annotations

import logging
import os
import posixpath
import shlex
from typing import Any, Dict, List, Mapping, Sequence

from dflow.config import config, is_remote
from dflow.executor import Executor
from dflow.names import text_of
from dflow.op_template import Secret, ShellOPTemplate
from dflow.remote_parts import TMP, key_file, marked, packages_of, paths_of, program_of, singularity_image
from dflow.remote_shell import (
    PLACE,
    PRELUDE,
    ROOT,
    START,
    WATCH,
    environment_text,
    here_document,
    settings_text,
)

__all__ = ["RemoteExecutor", "ShellText"]

_LOGGER = logging.getLogger("dflow")
_PASSWORD = "DFLOW_SSH_PASSWORD"  # noqa: S105 - the name of a variable
_LIBRARY = ".dflow/lib"
_RUN = """#!/bin/sh
test ! -e .dflow/env || . ./.dflow/env
{line}
code=$?
echo "$code" > .dflow/exit.tmp && mv -f .dflow/exit.tmp .dflow/exit
exit "$code"
"""


class ShellText(str):
    """A command that the user wrote as one text, which a shell of the other machine reads."""

    __slots__ = ()


class RemoteExecutor(Executor):
    """Runs scripts on a host by ``ssh``: inputs are sent there, outputs brought back, what is printed is shown.

    The program goes on when the connection breaks, and is watched again after. It ends with its step. Its exit status
    is that of the step; only what happens on the way to it is tried again. Subclasses override :meth:`run`, or the
    others, which return lines of shell; the script is ``script`` in ``workdir`` when :meth:`run` begins.

    Args:
        host, port, username: where, as ``ssh`` understands it. Keys of hosts are remembered when they are first seen;
            a host whose key has changed is refused.
        password: given to ``ssh`` by the environment; a text stands in the run's files and in manifests, a
            :class:`dflow.Secret` with a name does not (here the variable DFLOW_SSH_PASSWORD must be set then).
        private_key_file: without one, the keys that ``ssh`` finds itself.
        workdir: the directory of the host that a step works in, one for each.
        command: runs the rendered script (default: sh).
        remote_command: runs the step's script on the host: words, or a text for the shell there; the template's command
            unless given.
        image, image_pull_policy: the image with ``ssh`` that the rendered step runs in on a cluster;
            ``config["extender_image"]`` unless given.
        map_tmp_dir: what the script calls ``/tmp`` is ``tmp`` in ``workdir``.
        docker_executable, singularity_executable, podman_executable: the script runs on the host in a container of the
            template's image, with this program.
        action_retries: how often an action is tried again where there is no connection; -1: until there is one.
    """

    def __init__(
        self,
        host: str,
        port: int = 22,
        username: str = "root",
        password: Any = None,
        private_key_file: Any = None,
        workdir: str = "~/dflow/workflows/{{workflow.name}}/{{pod.name}}",
        command: Any = None,
        remote_command: Any = None,
        image: str | None = None,
        image_pull_policy: str | None = None,
        map_tmp_dir: bool = True,
        docker_executable: str | None = None,
        singularity_executable: str | None = None,
        podman_executable: str | None = None,
        action_retries: int = -1,
    ) -> None:
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.private_key_file = private_key_file
        self.workdir = text_of(workdir, "workdir").rstrip("/") or "/"
        if self.workdir.startswith("/"):
            self.workdir = f"/.{self.workdir}"  # else it might be taken for a path that a template declares
        self.command = [command] if isinstance(command, str) else command
        self.remote_command = [ShellText(remote_command)] if isinstance(remote_command, str) else remote_command
        self.image = image
        self.image_pull_policy = image_pull_policy
        self.map_tmp_dir = map_tmp_dir
        self.docker_executable = docker_executable
        self.singularity_executable = singularity_executable
        self.podman_executable = podman_executable
        self.action_retries = action_retries

    def execute(self, cmd: str) -> str:
        """Run a command of the host's shell, in the home directory."""
        return f"dflow_execute {shlex.quote(cmd)}\n"

    def upload(self, src: str, dst: str) -> str:
        """Send a file or directory, with what its links lead to; ``dst`` may begin with ``~/``."""
        return f"dflow_upload {shlex.quote(src)} {shlex.quote(dst)}\n"

    def download(self, src: str, dst: str) -> str:
        """Bring a file or directory; ``src`` may begin with ``~/``."""
        return f"dflow_download {shlex.quote(src)} {shlex.quote(dst)}\n"

    def upload_if_exists(self, path: str) -> str:
        """Send what is at a path that the template declares, if there is something."""
        return f"if test -e {shlex.quote(path)}; then\n{self.upload(path, self._there(path))}fi\n"

    def mkdir_and_download(self, path: str) -> str:
        """Bring what is to be at a path that the template declares, if the script has made it."""
        lines = f'mkdir -p "$(dirname -- {shlex.quote(path)})"\n{self.download(self._there(path), path)}'
        return f"if dflow_exists {shlex.quote(self._there(path))}; then\n{lines}fi\n"

    def run(self, image: str | None, remote_command: Sequence[str]) -> str:
        """Run ``script`` in the workdir of the host; its exit status is the step's.

        Args:
            image: the template's.
            remote_command: the words that the name of the script comes after.
        """
        return self._program(image, remote_command, START)

    def get_script(self, template: Any) -> str:
        """The script that is run in place of that of a template."""
        words, script = program_of(template)
        words = words if self.remote_command is None else self.remote_command
        inputs, outputs = paths_of(template.inputs), paths_of(template.outputs)
        old = " ".join(shlex.quote(self._there(path)) for path in outputs if self._is_moved)
        parts = [
            settings_text(**self._settings()),
            PRELUDE,
            f"\ndflow_begin {old}\n",
            here_document(self._sent(template, script, [*inputs, *outputs]), '"$dflow_tmp/script.in"'),
            'dflow_upload "$dflow_tmp/script.in" "$dflow_workdir/.dflow/script.in"\n',
            self._variables(template),
            self._packages(template),
            "dflow_fill\n",
            *(self.upload_if_exists(path) for path in inputs),
            f"dflow_running=1 dflow_result=0\n(\n{self.run(template.image, words)}) &\n",
            "wait $! || dflow_result=$?\ndflow_running=\n",
            *(self.mkdir_and_download(path) for path in outputs),
            'exit "$dflow_result"\n',
        ]
        return "".join(parts)

    def render(self, template: Any) -> Any:
        """The template that has the script sent and run."""
        keys = self._keys()
        return ShellOPTemplate(
            name=template.name,
            inputs=template.inputs,
            outputs=template.outputs,
            memoize_key=template.memoize_key,
            pvcs=template.pvcs,
            annotations=template.annotations,
            labels=template.labels,
            node_selector=template.node_selector,
            tolerations=template.tolerations,
            affinity=template.affinity,
            image=self.image or config["extender_image"],
            command=self.command or ["sh"],
            script=self.get_script(template),
            volumes=[*template.volumes, *keys["volumes"]],
            mounts=[*template.mounts, *keys["mounts"]],
            init_progress=template.init_progress,
            timeout=template.timeout,
            retry_strategy=template.retry_strategy,
            image_pull_policy=self.image_pull_policy or config["extender_image_pull_policy"],
            envs={**template.envs, **self._secrets()},
            init_containers=template.init_containers,
            sidecars=template.sidecars,
        )

    def _settings(self) -> Dict[str, object]:
        return {
            "host": self.host,
            "port": self.port,
            "user": self.username,
            "key": "" if self.private_key_file is None else key_file(self.private_key_file),
            "batch": "yes" if self.password is None else "no",
            "retries": self.action_retries,
            "workdir": self.workdir,
        }

    def _secrets(self) -> Dict[str, Any]:
        if self.password is None:
            return {}
        if not isinstance(self.password, Secret):
            _LOGGER.warning(
                "the password of %s@%s will stand in the files of the run and in manifests: use private_key_file, or "
                "password=Secret(name=...)",
                self.username,
                self.host,
            )
        return {_PASSWORD: self.password}

    def _keys(self) -> Dict[str, List[Any]]:
        """The directory of the key, for pods: that of their node."""
        there = config["private_key_host_path"]
        if self.private_key_file is None or not (there or is_remote()):
            return {"volumes": [], "mounts": []}
        here = os.path.dirname(key_file(self.private_key_file))
        return {
            "volumes": [{"name": "dflow-private-key", "hostPath": {"path": there or here}}],
            "mounts": [{"name": "dflow-private-key", "mountPath": here, "readOnly": True}],
        }

    @property
    def _container(self) -> str | None:
        return self.docker_executable or self.podman_executable or self.singularity_executable

    @property
    def _is_moved(self) -> bool:
        """Whether what a template declares is in the workdir of the host, not at its own path."""
        return self.map_tmp_dir or self._container is not None

    def _there(self, path: str) -> str:
        """Where the host has what a template declares."""
        if self._is_moved or not path.startswith("/"):
            return posixpath.join(self.workdir, path.lstrip("/"))
        return f"/.{path}"

    def _sent(self, template: Any, script: str, paths: Sequence[str]) -> str:
        """The script as it is sent to the host."""
        if not getattr(template, "packages", ()):
            return marked(script, paths, tmp=self.map_tmp_dir, mark=self._mark)
        first = f'import os\nimport sys\n\nsys.path.insert(0, os.path.abspath("{PLACE}/{_LIBRARY}"))\n'
        return first + marked(script, paths, tmp=False, mark=self._mark)  # it holds places of this machine as well

    def _mark(self, path: str) -> str:
        """What stands for that which comes before a path on the host; a container has a ``/tmp`` of its own."""
        is_tmp = f"{path}/".startswith(f"{TMP}/")
        return PLACE if self.map_tmp_dir or (self._is_moved and not is_tmp) else ROOT

    def _variables(self, template: Any) -> str:
        if not template.envs:
            return ""
        text = environment_text([str(name) for name in template.envs])
        return f'{text}dflow_upload "$dflow_tmp/env" "$dflow_workdir/.dflow/env"\n'

    def _packages(self, template: Any) -> str:
        """Lines that send the packages which the script of a Python OP needs, where they are here."""
        lines = []
        for place in packages_of(template):
            here, name = shlex.quote(place), posixpath.join(self.workdir, _LIBRARY, posixpath.basename(place))
            lines.append(f"test ! -e {here} || dflow_upload {here} {shlex.quote(name)}\n")
        return "".join(lines)

    def _program(self, image: str | None, remote_command: Sequence[str], how: Mapping[str, str]) -> str:
        """Shell text that runs the script on the host in one of the ways to start programs."""
        files = {**how, "watch": WATCH, "run": _RUN.format(line=self._line(image, remote_command))}
        if self._container is not None and self._container != self.singularity_executable:
            remove = f'test ! -s .dflow/container || {self._container} rm -f "$(cat .dflow/container)"\n'
            files["stop"] = files["stop"].replace("\n", f"\n{remove}", 1)
        texts = [here_document(text, f'"$dflow_tmp/how/{name}"') for name, text in sorted(files.items())]
        return "".join(['rm -rf "$dflow_tmp/how"\nmkdir "$dflow_tmp/how"\n', *texts, "dflow_program\n"])

    def _line(self, image: str | None, remote_command: Sequence[str]) -> str:
        """What runs the script, for the shell of the host."""
        words = [word if isinstance(word, ShellText) else shlex.quote(word) for word in remote_command]
        line = " ".join([*words, "script"])
        tmp = "" if self.map_tmp_dir else ' {option} "$PWD/tmp:/tmp"'
        if self._container is None:
            return line
        if self._container == self.singularity_executable:
            bound = tmp.format(option="--bind")
            made = shlex.quote(singularity_image(image or ""))
            return f'mkdir -p tmp\n{self._container} exec --bind "$PWD:$PWD" --pwd "$PWD"{bound} {made} {line}'
        bound = tmp.format(option="-v")
        variables = "$(sed -n 's/^export \\([A-Za-z_0-9]*\\)=.*/-e \\1/p' .dflow/env 2> /dev/null)"
        start = f'{self._container} run --rm --cidfile .dflow/container {variables} -v "$PWD:$PWD" -w "$PWD"{bound}'
        return f"mkdir -p tmp\nrm -f .dflow/container\n{start} {shlex.quote(image or '')} {line}"
