"""What ``DispatcherExecutor`` is told, in the words of dpdispatcher: its machine, resources and task dictionaries."""

from __future__ import annotations

import copy
import json
import os
import shlex
from typing import Any, Dict, List, Mapping, Tuple

from dflow.engine.errors import WrongValue

__all__ = [
    "container_of",
    "is_of_vendor",
    "is_ours",
    "machine_of",
    "resources_of",
    "sections_of",
    "split_secrets",
    "task_of",
    "update_dict",
    "words_of",
]

_SECRETS = ("password", "passphrase", "totp_secret")
_BATCHES = ("Slurm", "SlurmJobArray", "PBS", "Torque", "LSF", "SGE", "Shell")
_CONTEXTS = ("LocalContext", "LazyLocalContext", "SSHContext")
_VENDORS = ("Bohrium", "Lebesgue", "DpCloudServer")
_OTHERS = ("DistributedShell", "Fugaku", "JH_UniScheduler", "OpenAPI")
_OTHER_CONTEXTS = ("HDFSContext", "OpenAPIContext", "BohriumContext", "LebesgueContext", "DpCloudServerContext")
_BATCH_NAMES = {name.lower(): name for name in (*_BATCHES, *_VENDORS, *_OTHERS)}
_BATCH_NAMES["openpbs"] = "PBS"
_CONTEXT_NAMES = {
    alias: name for name in (*_CONTEXTS, *_OTHER_CONTEXTS) for alias in (name.lower(), name.lower()[: -len("context")])
}
_USER, _PORT, _TIMEOUT = "root", 22, 10
_REMOTE_ROOT = "~/dflow/workflows"
_SECTIONS = ("machine", "resources", "task")


def update_dict(d1: Dict[Any, Any], d2: Mapping[Any, Any]) -> None:
    """Put all of ``d2`` into ``d1``; where both have a dict under a key, into that one."""
    for key, value in d2.items():
        known = d1.get(key)
        if isinstance(value, Mapping) and isinstance(known, dict):
            update_dict(known, value)
        else:
            d1[key] = copy.deepcopy(value)


def sections_of(json_file: Any) -> Dict[str, Dict[str, Any]]:
    """The ``machine``, ``resources`` and ``task`` of a JSON file; without a file, empty ones.

    Raises:
        ValueError: the file is not there, or has something else.
    """
    if json_file is None:
        return {name: {} for name in _SECTIONS}
    try:
        with open(os.path.expanduser(str(json_file)), encoding="utf-8") as stream:
            read = json.load(stream)
    except (OSError, ValueError) as exc:
        raise WrongValue(f"json_file {str(json_file)!r} cannot be read: {exc}") from exc
    if not isinstance(read, dict) or not all(isinstance(read.get(name, {}), dict) for name in _SECTIONS):
        raise WrongValue(f"json_file {str(json_file)!r} must hold an object with {', '.join(_SECTIONS)}")
    return {name: dict(read.get(name, {})) for name in _SECTIONS}


def machine_of(
    of_file: Mapping[str, Any],
    machine_dict: Mapping[str, Any] | None,
    connection: Mapping[str, Any],
    remote_root: str | None = None,
) -> Dict[str, Any]:
    """The whole machine dictionary.

    What says more about it comes later: the file, then the arguments, then ``machine_dict``.

    Args:
        of_file: the section of the file.
        machine_dict: as the user gave it.
        connection: ``host``, ``port``, ``username``, ``password`` and ``private_key_file`` as they were given.
        remote_root: as it was given.
    """
    machine: Dict[str, Any] = {"local_root": "./", "remote_profile": {}}
    update_dict(machine, of_file)
    update_dict(machine, {"remote_profile": _profile(connection)})
    if remote_root is not None:
        machine["remote_root"] = remote_root
    update_dict(machine, machine_dict or {})
    machine["batch_type"] = _named(machine.get("batch_type", "Slurm"), _BATCH_NAMES, "batch_type")
    machine["context_type"] = _named(machine.get("context_type") or _context(machine), _CONTEXT_NAMES, "context_type")
    if machine["context_type"] == "SSHContext":
        defaults = {"username": _USER, "port": _PORT, "timeout": _TIMEOUT}
        machine["remote_profile"] = {**defaults, **machine["remote_profile"]}
        if not machine["remote_profile"].get("hostname"):
            raise WrongValue("no host is given: host=…, or machine_dict={'remote_profile': {'hostname': …}}")
    elif machine["context_type"] in _CONTEXTS:
        known = {"symlink"} if machine["context_type"] == "LocalContext" else set()
        machine["remote_profile"] = {k: v for k, v in machine["remote_profile"].items() if k in known}
    if machine["context_type"] != "LazyLocalContext":
        machine.setdefault("remote_root", _REMOTE_ROOT)
    return machine


def _profile(connection: Mapping[str, Any]) -> Dict[str, Any]:
    """What was given of a connection; what is as it is by default says nothing."""
    names = {"host": "hostname", "private_key_file": "key_filename"}
    usual = {"username": _USER, "port": _PORT}
    made = {
        names.get(name, name): value
        for name, value in connection.items()
        if value is not None and value != usual.get(name)
    }
    if "key_filename" in made:
        made["key_filename"] = os.path.abspath(os.path.expanduser(str(made["key_filename"])))
    return made


def _context(machine: Mapping[str, Any]) -> str:
    """The context that fits to what is known."""
    batch = machine["batch_type"]
    if batch in _VENDORS:
        return "BohriumContext"
    if batch in ("OpenAPI", "DistributedShell"):
        return "OpenAPIContext" if batch == "OpenAPI" else "HDFSContext"
    return "SSHContext" if machine["remote_profile"].get("hostname") else "LazyLocalContext"


def _named(given: Any, names: Mapping[str, str], what: str) -> str:
    found = names.get(str(given).lower())
    if found is None:
        raise WrongValue(f"{what} is {given!r}; dpdispatcher knows {', '.join(sorted(set(names.values())))}")
    return found


def resources_of(
    of_file: Mapping[str, Any],
    resources_dict: Mapping[str, Any] | None,
    queue_name: str | None = None,
    envs: Mapping[str, str] | None = None,
) -> Dict[str, Any]:
    """The whole resources dictionary, with what dpdispatcher takes where nothing is said."""
    made: Dict[str, Any] = {"number_node": 1, "cpu_per_node": 1, "gpu_per_node": 0, "queue_name": "", "group_size": 1}
    update_dict(made, of_file)
    if queue_name is not None:
        made["queue_name"] = queue_name
    update_dict(made, resources_dict or {})
    if envs:
        made.setdefault("envs", {})
        update_dict(made["envs"], {str(name): str(value) for name, value in envs.items()})
    return made


def task_of(of_file: Mapping[str, Any], task_dict: Mapping[str, Any] | None) -> Dict[str, Any]:
    """The whole task dictionary but for the command and the files, which belong to a step."""
    made: Dict[str, Any] = {"task_work_path": "./", "outlog": "log", "errlog": "err"}
    update_dict(made, of_file)
    update_dict(made, task_dict or {})
    return made


def split_secrets(machine: Mapping[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """A copy of a machine dictionary without its secrets, and these."""
    made: Dict[str, Any] = copy.deepcopy(dict(machine))
    profile = made.get("remote_profile", {})
    secrets = {name: profile.pop(name) for name in _SECRETS if name in profile}
    return made, {name: value for name, value in secrets.items() if value is not None}


def is_ours(machine: Mapping[str, Any]) -> bool:
    """Whether local runs have a way of their own to that scheduler, without dpdispatcher."""
    return machine["batch_type"] in _BATCHES and machine["context_type"] in _CONTEXTS


def is_of_vendor(machine: Mapping[str, Any]) -> bool:
    """Whether jobs go to Bohrium, which had other names."""
    return machine["batch_type"] in _VENDORS


def container_of(
    docker: str | None, singularity: str | None, podman: str | None, args: Any = ""
) -> Dict[str, Any] | None:
    """The engine that runs the container of a step there; None for none.

    Raises:
        ValueError: there are several.
    """
    given = {"docker": docker, "singularity": singularity, "podman": podman}
    chosen = [(engine, program) for engine, program in given.items() if program is not None]
    if len(chosen) > 1:
        names = " and ".join(f"{engine}_executable" for engine, _ in chosen)
        raise WrongValue(f"a job runs in one container engine, not in those of {names}")
    if not chosen:
        return None
    engine, program = chosen[0]
    return {"engine": engine, "program": str(program), "image": None, "args": shlex.join(words_of(args))}


def words_of(command: Any) -> List[str]:
    """A command as words, from a text or a list."""
    if command is None:
        return []
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
