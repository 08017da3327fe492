"""Data sets of the vendor's catalogue. Their names, and where jobs of Bohrium have them; nothing here mounts them."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Dict

from dflow.engine.errors import NoSuchFile, UnsupportedError, WrongValue
from dflow.plugins.dispatcher import DispatcherArtifact

__all__ = ["DatasetsArtifact", "wait_for_mount"]

_URN = re.compile(r"launching\+(?P<type>[^:/]+)://(?P<element>[^@]+)@(?P<version>[^/]+)(?:/(?P<sub_path>.+))?")
_MOUNTS = "/launching"
_FTP = "uftp.mlops-passthrough.dp.tech"
_PAUSE = 0.2


class DatasetsArtifact(DispatcherArtifact):
    """A data set, or another element of the catalogue.

    Args:
        element, version, type: its name.
        rclone_image … rclone_kwargs: kept, for those that mount it by ``rclone``; this does not.
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
        host = {"url": webdav_host} if self.rclone_type == "webdav" else {"host": ftp_host or _FTP}
        self.rclone_kwargs = {**host, "user": user, "pass": password, **(rclone_kwargs or {})}
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
        """Not available."""
        raise UnsupportedError("data sets are not mounted by rclone in this version: give element and version")

    def get_urn(self) -> str:
        """The text that names it."""
        part = "" if self._sub_path is None else f"/{self._sub_path}"
        return f"launching+{self.type}://{self.element}@{self.version}{part}"

    def get_bohrium_urn(self, name: str) -> str:
        """What a job of Bohrium says to have it mounted under the name of an input artifact."""
        return f"launching://{self.type}/{self.element}@{self.version}?alias={name}&action=ro"

    def sub_path(self, path: str) -> DatasetsArtifact:
        """A part of it."""
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
