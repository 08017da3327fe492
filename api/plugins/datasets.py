"""Data sets of the vendor's catalogue: their names, where jobs of Bohrium have them, and pods that mount them."""

from __future__ import annotations

import os
import re
import shlex
import time
from typing import Any, Dict

from dflow.engine.errors import NoSuchFile, WrongValue
from dflow.op_template import ContainerOPTemplate, Secret
from dflow.plugins.dispatcher import DispatcherArtifact
from dflow.plugins.rclone import VARIABLE, mount_script, remote_of, with_defaults

__all__ = ["DatasetsArtifact", "wait_for_mount"]

_URN = re.compile(r"launching\+(?P<type>[^:/]+)://(?P<element>[^@]+)@(?P<version>[^/]+)(?:/(?P<sub_path>.+))?")
_MOUNTS = "/launching"
_FTP = "uftp.mlops-passthrough.dp.tech"
_PAUSE = 0.2
_VOLUME = "launching"
_WAIT_IN_PYTHON = """\
import os
import sys
import time

for _ in range(600):
    if os.path.ismount({point}):
        break
    time.sleep(0.2)
else:
    sys.exit("nothing was mounted at " + {point})
os.makedirs(os.path.dirname({path}), exist_ok=True)
os.symlink({place}, {path})
"""
_WAIT_IN_SHELL = """\
tries=0
until grep -qs " "{point}" " /proc/mounts; do
    tries=$((tries + 1))
    if [ $tries -gt 120 ]; then echo "nothing was mounted at "{point} >&2; exit 1; fi
    sleep 1
done
mkdir -p "$(dirname {path})" && ln -s {place} {path}
"""


class DatasetsArtifact(DispatcherArtifact):
    """A data set, or another element of the catalogue.

    Args:
        element, version, type: its name.
        rclone_image, rclone_image_pull_policy: of the sidecar that mounts it.
        rclone_type: ``ftp`` or ``webdav``, or another kind of rclone's remotes.
        ftp_host, webdav_host: the server; ``user``, ``password``: the account there. In manifests the password must be
            a :class:`dflow.Secret` with a name.
        rclone_kwargs: more options of the remote.
        sub_path: a part of it.
    """

    def __init__(
        self,
        element: str,
        version: str,
        type: str = "datasets",
        rclone_image: str | None = None,
        rclone_image_pull_policy: str | None = None,
        rclone_type: str | None = None,
        ftp_host: str | None = None,
        webdav_host: str | None = None,
        user: str | None = None,
        password: str | None = None,
        rclone_kwargs: Dict[str, Any] | None = None,
        sub_path: str | None = None,
    ) -> None:
        self.element, self.version, self.type = element, version, type
        self.rclone_image = rclone_image or "rclone/rclone:1.62.2"
        self.rclone_image_pull_policy = rclone_image_pull_policy
        self.rclone_type = rclone_type or "ftp"
        host: Dict[str, Any] = {"host": ftp_host or _FTP}
        if self.rclone_type == "webdav":
            host = {"url": webdav_host and f"{webdav_host.rstrip('/')}/{type}~{element}@{version}"}
        given = {**host, "user": user, "pass": password, **(rclone_kwargs or {})}
        self.rclone_kwargs = with_defaults(self.rclone_type, given)
        self._sub_path = sub_path

    @classmethod
    def from_urn(cls, urn: str) -> DatasetsArtifact:
        """The data set of a text that :meth:`get_urn` gave."""
        found = _URN.fullmatch(urn)
        if found is None:
            raise WrongValue(f"{urn!r} names no data set: it must be like launching+datasets://ELEMENT@VERSION")
        return cls(found["element"], found["version"], found["type"], sub_path=found["sub_path"])

    @classmethod
    def from_rclone_config(cls, config: Any) -> DatasetsArtifact:
        """The data set that the one remote in a text like ``rclone.conf`` is; its element is the remote's name."""
        name, kind, options = remote_of(config)
        made = cls(name, None, rclone_type=kind)  # type: ignore[arg-type]  # as upstream: it has no version
        made.rclone_kwargs = with_defaults(kind, options)
        return made

    def get_urn(self) -> str:
        """The text that names it."""
        part = "" if self._sub_path is None else f"/{self._sub_path}"
        return f"launching+{self.type}://{self.element}@{self.version}{part}"

    def get_bohrium_urn(self, name: str) -> str:
        """What a job of Bohrium says to have it mounted under the name of an input artifact."""
        return f"launching://{self.type}/{self.element}@{self.version}?alias={name}&action=ro"

    def sub_path(self, path: str) -> DatasetsArtifact:
        """A file or directory inside of the data set, as an artifact; its path is relative to it."""
        part = path if self._sub_path is None else f"{self._sub_path}/{path}"
        made = type(self)(self.element, self.version, self.type, sub_path=part)
        vars(made).update({**vars(self), "_sub_path": part})
        return made

    def modify_config(self, name: str, machine: Any) -> None:
        """Have a job's machine mount it."""
        urn = self.get_bohrium_urn(name)
        machine.input_data["job_resources"] = [*machine.input_data.get("job_resources", []), urn]

    def bohrium_download(self, name: str, path: str) -> None:
        """Link it on a machine of Bohrium, once it is mounted."""
        place = os.path.join(_MOUNTS, name, self._sub_path or "").rstrip("/")
        if not os.path.exists(place):
            raise NoSuchFile(f"there is no {place}: data sets are mounted on machines of Bohrium alone")
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        os.symlink(place, path)

    def get_mount_script(self, path: str) -> str:
        """The command of the shell that mounts it at a path by ``rclone``, and goes on while it is mounted.

        Its password is in that text; that of a :class:`dflow.Secret` is in the variable ``RCLONE_PASSWORD``.
        """
        return mount_script(self._remote(), self.rclone_type, self.rclone_kwargs, path)

    def render(self, template: Any, name: str) -> Any:
        """A template whose pod has a sidecar that mounts it, and whose script waits for that.

        The sidecar is privileged, and takes ``/dev/fuse`` of its node. This was never tried in a cluster.

        Raises:
            ValueError: the password is a text, which must not stand in a manifest; or the template has no script.
        """
        if isinstance(template, ContainerOPTemplate):
            raise WrongValue("a data set is mounted for templates with a script")
        password = self.rclone_kwargs.get("pass")
        if password is not None and not (isinstance(password, Secret) and password.name):
            raise WrongValue("give the password of a data set as Secret(name=…): many can read a manifest")
        mounted = f"{_MOUNTS}/{name}"
        template.sidecars = [*template.sidecars, self._sidecar(name, mounted, password)]
        volumes: Dict[str, Dict[str, Any]] = {
            _VOLUME: {"emptyDir": {}},
            "dev-fuse": {"hostPath": {"path": "/dev/fuse"}},
        }
        known = {volume.get("name") for volume in template.volumes if isinstance(volume, dict)}
        template.volumes = [
            *template.volumes,
            *({"name": volume, **what} for volume, what in volumes.items() if volume not in known),
        ]
        mount = {"name": _VOLUME, "mountPath": _MOUNTS, "mountPropagation": "HostToContainer"}
        template.mounts = [*template.mounts, *([] if _VOLUME in known else [mount])]
        place = os.path.join(mounted, self._sub_path or "").rstrip("/")
        words = {"point": mounted, "place": place, "path": str(template.inputs.artifacts[name].path)}
        start = _WAIT_IN_PYTHON if template.language == "python" else _WAIT_IN_SHELL
        quote = repr if template.language == "python" else shlex.quote
        template.script = start.format(**{word: quote(text) for word, text in words.items()}) + (template.script or "")
        return template

    def _sidecar(self, name: str, path: str, password: Any) -> Dict[str, Any]:
        made: Dict[str, Any] = {
            "name": f"rclone-{name}",
            "image": self.rclone_image,
            "command": ["sh", "-c"],
            "args": [self.get_mount_script(path)],
            "securityContext": {"privileged": True},
            "volumeMounts": [
                {"name": _VOLUME, "mountPath": _MOUNTS, "mountPropagation": "Bidirectional"},
                {"name": "dev-fuse", "mountPath": "/dev/fuse"},
            ],
        }
        if self.rclone_image_pull_policy is not None:
            made["imagePullPolicy"] = self.rclone_image_pull_policy
        if password is not None:
            reference = {"name": password.name, "key": password.key}
            made["env"] = [{"name": VARIABLE, "valueFrom": {"secretKeyRef": reference}}]
        return made

    def _remote(self) -> str:
        return self.element if self.version is None else f"{self.element}@{self.version}"

    def download(self, name: str, path: str) -> Any:
        """Link it where it is mounted; elsewhere it cannot be had."""
        self.bohrium_download(name, path)


def wait_for_mount(point: str, timeout: float = 60) -> None:
    """Wait until something is mounted at a place.

    Raises:
        TimeoutError: nothing is, after so many seconds.
    """
    end = time.monotonic() + timeout
    while not os.path.ismount(point):
        if time.monotonic() > end:
            raise TimeoutError(f"nothing was mounted at {point} within {timeout:g} s")
        time.sleep(_PAUSE)
