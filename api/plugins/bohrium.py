"""Bohrium: its account, its storage, its data sets, and jobs of it.

None of this is tried against the service: there is no account for that. The tests use a small server of their own that
answers as the service is seen to be asked.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Mapping

from dflow.context import Context
from dflow.engine.errors import NoSuchFile, WrongValue
from dflow.executor import Executor
from dflow.op_template import PythonScriptOPTemplate, ScriptOPTemplate
from dflow.plugins.bohrium_account import (
    BohriumError,
    config,
    create_job_group,
    login,
    project_of,
    update_headers,
)
from dflow.plugins.dispatcher import DispatcherArtifact
from dflow.plugins.tiefblue import TiefblueClient

__all__ = [
    "BohriumContext",
    "BohriumDatasetsArtifact",
    "BohriumError",
    "BohriumExecutor",
    "TiefblueClient",
    "annotated",
    "config",
    "create_job_group",
    "login",
    "machine_profile",
    "update_headers",
]

_SCHEME = "bohrium+datasets://"
_EXECUTOR, _EXTRA = "workflow.dp.tech/executor", "task.dp.tech/extra"
_TMP = re.compile(r"(?<![\w.~/}\-])/tmp(?![\w\-]|\.\w)")
_INPUT_DATA = {
    "job_type": "container",
    "platform": "ali",
    "scass_type": "c4_m8_cpu",
    "log_file": "log",
    "output_log": True,
}


def machine_profile(profile: Mapping[str, Any], image: str | None) -> Dict[str, Any]:
    """The ``remote_profile`` of a machine of Bohrium for dpdispatcher: what is not said is taken from :data:`config`.

    Raises:
        ConfigError: there is no project.
    """
    made = {name: value for name, value in profile.items() if name not in ("hostname", "username", "port", "timeout")}
    for name, setting in (("email", "username"), ("phone", "phone"), ("password", "password")):
        if made.get(name) is None and config[setting] is not None:
            made[name] = config[setting]
    if made.get("program_id", made.get("project_id")) is None:
        made["program_id"] = project_of(config)
    made["input_data"] = {**_INPUT_DATA, **made.get("input_data", {})}
    if image is not None:
        made["input_data"].setdefault("image_name", image)
    return made


def annotated(template: Any, executor: str | None, extra: Any) -> Any:
    """A template that says to the vendor's workflow server how its step is to be run."""
    if executor is not None:
        template.annotations = {**template.annotations, _EXECUTOR: executor}
    if extra is not None:
        text = extra if isinstance(extra, str) else json.dumps(extra)
        template.annotations = {**template.annotations, _EXTRA: text}
    return template


def _in_working_directory(template: Any) -> Any:
    """A template whose script uses a ``tmp`` of its working directory in place of ``/tmp``, as jobs there need it.

    Runs on this machine move declared paths by themselves.
    """
    from dflow.config import config as settings

    if settings["mode"] == "debug" or not isinstance(template, ScriptOPTemplate) or template.script is None:
        return template
    is_python = isinstance(template, PythonScriptOPTemplate)
    first = "import os\nos.makedirs('tmp', exist_ok=True)\n" if is_python else "mkdir -p tmp\n"
    template.script = first + _TMP.sub("./tmp", str(template.script))
    return template


class BohriumExecutor(Executor):
    """Has the vendor's workflow server run a step as a job; a local run runs it on this machine.

    Args:
        executor: what runs the job there, such as ``"bohrium_v2"``.
        extra: more for it, as a dict or JSON.
    """

    def __init__(self, executor: str | None = None, extra: Any = None) -> None:
        self.executor, self.extra = executor, extra

    def render(self, template: Any) -> Any:
        """The template with annotations for that server."""
        return annotated(_in_working_directory(template), self.executor, self.extra)


class BohriumContext(Context):
    """As :class:`BohriumExecutor`, for all steps of a workflow.

    Args:
        username, phone, password, bohrium_url, authorization: the account, from :data:`config` unless given.
        executor, extra: as for :class:`BohriumExecutor`.
    """

    def __init__(
        self,
        username: str | None = None,
        phone: str | None = None,
        password: str | None = None,
        bohrium_url: str | None = None,
        executor: str | None = None,
        extra: Any = None,
        authorization: str | None = None,
    ) -> None:
        self.username = config["username"] if username is None else username
        self.phone = config["phone"] if phone is None else phone
        self.password = config["password"] if password is None else password
        self.bohrium_url = bohrium_url or config["bohrium_url"]
        self.authorization = config["authorization"] if authorization is None else authorization
        self.executor, self.extra = executor, extra

    def login(self) -> None:
        """Log in, unless there is a token already."""
        if self.authorization is None:
            self.authorization = login(self.username, self.phone, self.password, self.bohrium_url)

    def annotations(self) -> Dict[str, str]:
        """What a workflow says to the vendor's workflow server; logs in. The token in it is a secret."""
        self.login()
        made = {"workflow.dp.tech/authorization": str(self.authorization)}
        made["workflow.dp.tech/executor_addr"] = self.bohrium_url.rstrip("/") + "/"
        if self.executor is not None:
            made[_EXECUTOR] = self.executor
        if self.extra is not None:
            made[_EXTRA] = self.extra if isinstance(self.extra, str) else json.dumps(self.extra)
        return made

    def render(self, template: Any) -> Any:
        """The template with an annotation for that server."""
        return annotated(_in_working_directory(template), self.executor, None)


class BohriumDatasetsArtifact(DispatcherArtifact):
    """A data set of Bohrium, which jobs there have mounted.

    Args:
        path: where it is there, such as ``/bohr/water-k3fd/v1``.
        sub_path: a part of it.
    """

    def __init__(self, path: str, sub_path: str | None = None) -> None:
        self.path, self._sub_path = str(path), sub_path

    @classmethod
    def from_urn(cls, urn: str) -> BohriumDatasetsArtifact:
        """The data set of a text that :meth:`get_urn` gave."""
        if not urn.startswith(_SCHEME):
            raise WrongValue(f"{urn!r} names no data set of Bohrium: it must begin with {_SCHEME}")
        return cls(urn[len(_SCHEME) :])

    def get_urn(self) -> str:
        """The text that names it."""
        return f"{_SCHEME}{self._whole}"

    @property
    def _whole(self) -> str:
        return self.path if self._sub_path is None else f"{self.path.rstrip('/')}/{self._sub_path}"

    def sub_path(self, path: str) -> BohriumDatasetsArtifact:
        """A file or directory inside of the data set, as an artifact; its path is relative to it."""
        return type(self)(self.path, path if self._sub_path is None else f"{self._sub_path}/{path}")

    def modify_config(self, name: str, machine: Any) -> None:
        """Have a job's machine mount it."""
        machine.input_data["dataset_path"] = [*machine.input_data.get("dataset_path", []), self.path]

    def bohrium_download(self, name: str, path: str) -> None:
        """Link it on a machine of Bohrium."""
        if not os.path.exists(self._whole):
            raise NoSuchFile(f"there is no {self._whole}: data sets are mounted on machines of Bohrium alone")
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        os.symlink(self._whole, path)

    def download(self, name: str, path: str) -> Any:
        """Link it where it is mounted; elsewhere it cannot be had."""
        self.bohrium_download(name, path)
