"""Steps as jobs of a scheduler, of this machine or of one that SSH reaches: the dispatcher of upstream.

What dpdispatcher is told, this is told: its machine, resources and task dictionaries. Local runs have dpdispatcher
write the head of job scripts, and submit, watch and cancel jobs themselves.
"""

from __future__ import annotations

import copy
import logging
import os
import types
from abc import ABC, abstractmethod
from typing import Any, Dict, List, Mapping, Set, Tuple

from dflow.engine.errors import WrongValue
from dflow.executor import Executor
from dflow.op_template import ContainerOPTemplate, ScriptOPTemplate, Secret
from dflow.outside import CustomArtifact
from dflow.plugins.dispatcher_rendering import at_home, command_of, packages_of, paths_of, program_text, said
from dflow.plugins.dispatcher_settings import (
    container_of,
    is_of_vendor,
    is_ours,
    machine_of,
    resources_of,
    sections_of,
    split_secrets,
    task_of,
    update_dict,
    words_of,
)

__all__ = ["DispatcherArtifact", "DispatcherExecutor", "update_dict"]

_log = logging.getLogger("dflow")
_KEYS = "/dflow/keys"
_OWN_KEYS = "/root/.ssh"
_VARIABLE = "DFLOW_DISPATCHER_{}"
_BRACES = "{{"
_SEEN = (
    "the {} for {} stands in the manifest, where everybody who may read workflows sees it; use a private key, or a "
    "Secret(name=…, key=…) of the cluster in its place"
)
_ALL = 1_000_000_000
_ABOUT = {"DFLOW_WORKFLOW": "{{workflow.name}}", "DFLOW_POD": "{{pod.name}}", "PYTHONUNBUFFERED": "true"}


class DispatcherArtifact(CustomArtifact, ABC):
    """An artifact that the machine of a :class:`DispatcherExecutor` gets by itself."""

    @abstractmethod
    def modify_config(self, name: str, machine: Any) -> None:
        """Say in ``machine.input_data`` what a job needs for the input artifact ``name``."""

    def remote_download(self, name: str, path: str) -> Any:
        """Put it at a path of the machine that the job runs on."""
        raise NotImplementedError(f"{type(self).__name__} cannot be fetched by the machine that a job runs on")

    def bohrium_download(self, name: str, path: str) -> Any:
        """Put it at a path of a machine of Bohrium, where ``modify_config`` had it mounted."""
        raise NotImplementedError(f"{type(self).__name__} cannot be fetched by a machine of Bohrium")


class DispatcherExecutor(Executor):
    """Runs steps as jobs, as the machine, resources and task dictionaries of dpdispatcher say.

    With a host this is one that SSH reaches, without one this machine. Local runs know Slurm, PBS, LSF, Grid Engine
    and plain shells: one process watches any number of jobs with one query at a time, and finds them again after a
    kill. On a cluster, for the schedulers of vendors, and with ``pre_script`` or ``post_script``, a step runs a
    program that uses the dpdispatcher package: that of ``image`` there, of ``command`` here.

    Args:
        host, port, username, password, private_key_file: where SSH goes. A password may be a
            :class:`~dflow.op_template.Secret` of the cluster; local runs take it from ``DFLOW_DISPATCHER_PASSWORD``.
        queue_name: the queue or partition.
        image, image_pull_policy: of the pod that submits; ``config["dispatcher_image"]`` unless given.
        command: the Python that the pod submits with.
        remote_command: what runs the script of a step there, in place of its template's command.
        map_tmp_dir: ``/tmp`` in scripts is a directory of the job; not in containers, which have their own.
        machine_dict, resources_dict, task_dict: more, and other, words for dpdispatcher.
        json_file: a file with ``machine``, ``resources`` and ``task``; the arguments say it better.
        docker_executable, singularity_executable, podman_executable: runs the job in its template's image.
        container_args: more words for that program.
        remote_root: where the directories of jobs are; ``~/dflow/workflows`` unless given.
        retry_on_submission_error: how often a submission that failed is tried again.
        merge_sliced_step: the slices of a step are one job.
        pre_script, post_script: lines of Python before the submission and after a success.
        clean: the directories of jobs that ended well are removed.
        remove_scheduling_strategies: node selector, tolerations and affinity of the template are not for the pod that
            submits.
        envs: environment variables of jobs.
        merge_bohrium_job_group: the jobs of this executor are one job group of Bohrium.
        terminate_grace_period: seconds that a job gets to end when it is cancelled.
    """

    def __init__(
        self,
        host: str | None = None,
        queue_name: str | None = None,
        port: int = 22,
        username: str = "root",
        password: Any = None,
        private_key_file: Any = None,
        image: str | None = None,
        image_pull_policy: str | None = None,
        command: Any = "python3",
        remote_command: Any = None,
        map_tmp_dir: bool = True,
        machine_dict: Mapping[str, Any] | None = None,
        resources_dict: Mapping[str, Any] | None = None,
        task_dict: Mapping[str, Any] | None = None,
        json_file: Any = None,
        docker_executable: str | None = None,
        singularity_executable: str | None = None,
        container_args: str = "",
        podman_executable: str | None = None,
        remote_root: str | None = None,
        retry_on_submission_error: int | None = None,
        merge_sliced_step: bool = False,
        pre_script: str = "",
        post_script: str = "",
        clean: bool = True,
        remove_scheduling_strategies: bool = True,
        envs: Mapping[str, str] | None = None,
        merge_bohrium_job_group: bool = False,
        terminate_grace_period: float | None = None,
    ) -> None:
        from dflow.config import config

        sections = sections_of(json_file)
        connection = {"host": host, "port": port, "username": username, "password": password}
        connection["private_key_file"] = private_key_file
        self.machine_dict = machine_of(sections["machine"], machine_dict, connection, remote_root)
        self.resources_dict = resources_of(sections["resources"], resources_dict, queue_name, envs)
        self.task_dict = task_of(sections["task"], task_dict)
        self.container = container_of(docker_executable, singularity_executable, podman_executable, container_args)
        self.image = image or config["dispatcher_image"]
        self.image_pull_policy = image_pull_policy or config["dispatcher_image_pull_policy"]
        self.command, self.remote_command = words_of(command) or ["python3"], words_of(remote_command)
        self.map_tmp_dir = map_tmp_dir
        self.retry_on_submission_error = retry_on_submission_error
        self.merge_sliced_step, self.merge_bohrium_job_group = merge_sliced_step, merge_bohrium_job_group
        self.pre_script, self.post_script = pre_script, post_script
        self.clean = clean
        self.remove_scheduling_strategies = remove_scheduling_strategies
        self.envs = envs
        self.terminate_grace_period = terminate_grace_period
        self._group: Any = None
        self._warned: Set[str] = set()

    def modify_step(self, step: Any) -> None:
        """With ``merge_sliced_step``, have all slices of a step run in one group, which is one job."""
        slices = getattr(step, "slices", None) or getattr(getattr(step, "template", None), "slices", None)
        if self.merge_sliced_step and slices is not None and slices.group_size is None:
            merged = copy.copy(slices)
            merged.group_size = _ALL
            step.slices = merged

    def direct(self) -> Tuple[str, Dict[str, Any]] | None:
        """Name and settings; None for the schedulers of vendors, which only dpdispatcher knows.

        Lines of Python around the submission need the program that :meth:`render` makes. The secrets stay in this
        process; their names are in the settings.
        """
        if not is_ours(self.machine_dict) or self.pre_script or self.post_script:
            return None
        from dflow.config import config

        machine, secrets = split_secrets(self.machine_dict)
        if secrets:
            self._keep(machine["remote_profile"], secrets)
        return "dispatcher", {
            "machine": machine,
            "resources": self.resources_dict,
            "task": self.task_dict,
            "secrets": sorted(secrets),
            "command": self.command,
            "remote_command": self.remote_command or None,
            "container": self.container,
            "map_tmp_dir": self.map_tmp_dir,
            "pre_script": self.pre_script,
            "post_script": self.post_script,
            "clean": self.clean,
            "merge": self.merge_sliced_step,
            "retries": self.retry_on_submission_error,
            "envs": dict(self.envs or {}),
            "interval": float(config["dispatcher_interval"]),
            "terminate_grace_period": self.terminate_grace_period,
        }

    def _keep(self, profile: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        from dflow.executors.secrets import keep

        given = {name: _value(name, value) for name, value in secrets.items()}
        known = {name: value for name, value in given.items() if value}
        if known:
            keep(f"{profile['username']}@{profile['hostname']}:{profile['port']}", known)

    def render(self, template: Any) -> Any:
        """The template of a step that submits.

        The script stays as it was; its command is a program that sends it elsewhere. A Python OP brings dflow, and the
        packages of its own, along as artifacts.
        """
        if is_ours(self.machine_dict) and self.machine_dict["context_type"] != "SSHContext":
            batch = self.machine_dict["batch_type"]
            self._warn(
                f"no host is given: the pod of a step submits to {batch} by itself, and its image ({self.image}) must "
                "have the commands for that"
            )
        told = self._settings(template)
        secrets = self._secrets(told["machine"], template)
        told["machine"], told["secrets"] = split_secrets(told["machine"])[0], secrets
        settings, texts = said(told)
        words = command_of(template, words_of(template.command), has_image=self.container is not None)
        program = program_text(self.pre_script, self.post_script)
        template.command = [*self.command, "-c", program, settings, *texts, *words]
        template.image, template.image_pull_policy = self.image, self.image_pull_policy
        if self.remove_scheduling_strategies:
            template.node_selector, template.tolerations, template.affinity = {}, [], None
        self._mount_keys(template, told["keys"])
        return template

    def _settings(self, template: ScriptOPTemplate) -> Dict[str, Any]:
        """What the driver is told of the step."""
        from dflow.config import config

        machine, resources = copy.deepcopy(self.machine_dict), copy.deepcopy(self.resources_dict)
        declared = sorted(template.envs)
        resources["envs"] = {**_ABOUT, **resources.get("envs", {})}
        key = machine.get("remote_profile", {}).pop("key_filename", None)
        self._for_bohrium(machine, template)
        if machine["context_type"] == "SSHContext":
            machine["remote_root"] = at_home(machine["remote_root"], machine["remote_profile"]["username"])
        container = self.container and {**self.container, "image": self.container["image"] or template.image or ""}
        if container and not container["image"]:
            raise WrongValue(f"the template {template._shown_name()!r} has no image for its container")
        inputs, outputs, packages = paths_of(template.inputs), paths_of(template.outputs), packages_of(template)
        return {
            "machine": machine,
            "resources": resources,
            "task": self.task_dict,
            "inputs": inputs,
            "outputs": outputs,
            "is_script": not isinstance(template, ContainerOPTemplate),
            "envs": declared,
            "packages": packages,
            "container": container,
            "remote_command": self.remote_command,
            "map_tmp": self.map_tmp_dir,
            "keys": [] if key is None else [f"{_KEYS}/{os.path.basename(key)}", key],
            "retries": self.retry_on_submission_error or 0,
            "clean": self.clean,
            "interval": float(config["dispatcher_interval"]),
            **({"debug": True} if config["dispatcher_debug"] else {}),
        }

    def _secrets(self, machine: Mapping[str, Any], template: ScriptOPTemplate) -> Dict[str, str]:
        """The environment variables that bring the secrets, which the template gets; their names."""
        variables = {}
        for name, value in split_secrets(machine)[1].items():
            variable = _VARIABLE.format(name.upper())
            if not isinstance(value, Secret):
                if _BRACES in str(value):
                    raise WrongValue(f"a {name} with two braces would be read as a tag: give it as a Secret")
                self._warn(_SEEN.format(name, machine["remote_profile"].get("hostname") or machine["batch_type"]))
            template.envs = {**template.envs, variable: value}
            variables[name] = variable
        return variables

    def _warn(self, text: str) -> None:
        """Say something once."""
        if text not in self._warned:
            self._warned.add(text)
            _log.warning("%s", text)

    def _for_bohrium(self, machine: Dict[str, Any], template: ScriptOPTemplate) -> None:
        """What jobs of Bohrium need besides: who pays, the image, and the artifacts that it mounts."""
        if not is_of_vendor(machine):
            return
        from dflow.plugins.bohrium import config, create_job_group, machine_profile

        profile = machine["remote_profile"] = machine_profile(machine["remote_profile"], template.image)
        if self.merge_bohrium_job_group:
            if self._group is None:
                self._group = create_job_group(profile["input_data"].get("job_name") or "dflow")
            profile["input_data"]["bohr_job_group_id"] = self._group
        if config["ticket"] is not None:
            self._warn(_SEEN.format("ticket", "Bohrium"))
            template.envs = {**template.envs, "BOHR_TICKET": str(config["ticket"])}
        told = types.SimpleNamespace(input_data=profile["input_data"], remote_profile=profile)
        for name, artifact in template.inputs.artifacts.items():
            source = getattr(artifact, "source", None)
            if isinstance(source, DispatcherArtifact):
                source.modify_config(name, told)

    def _mount_keys(self, template: ScriptOPTemplate, keys: List[str]) -> None:
        """Have the node's directory of private keys mounted."""
        from dflow.config import config

        directory = config["private_key_host_path"] or (os.path.dirname(keys[1]) if keys else None)
        if self.machine_dict["context_type"] != "SSHContext" or directory is None:
            return
        volume = {"name": "dflow-private-keys", "hostPath": {"path": str(directory)}}
        mount = {"name": "dflow-private-keys", "mountPath": _KEYS if keys else _OWN_KEYS, "readOnly": True}
        template.volumes, template.mounts = [*template.volumes, volume], [*template.mounts, mount]


def _value(name: str, given: Any) -> str | None:
    """A secret as text; None where only the cluster has it."""
    if isinstance(given, Secret):
        return given.value or os.environ.get(_VARIABLE.format(name.upper()))
    return str(given)
