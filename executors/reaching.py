"""Machines as settings name them, with the secrets that are known for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dflow.executors.batch.schedulers import PROGRAMS
from dflow.executors.secrets import find

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.executors.hosts import Host

__all__ = ["host_of"]

_PASSWORDS = ("DFLOW_DISPATCHER_PASSWORD", "DFLOW_SSH_PASSWORD")


def host_of(profile: Mapping[str, Any], scheduler: str, common: dict[str, Any]) -> Host:
    """A machine that SSH reaches.

    Args:
        profile: ``hostname``, ``username``, ``port``, ``key_filename``, ``timeout``, ``execute_command`` and
            ``known_hosts``, of which only the first must be there.
        scheduler: what jobs are submitted to there.
        common: what the executors of a run have in common; of each machine there is one.

    Raises:
        MissingExtra: ``asyncssh`` is not installed.
    """
    from dflow.executors.hosts.ssh import Login, SshHost  # noqa: PLC0415 - an optional package

    known = find(f"{profile.get('username')}@{profile['hostname']}:{profile.get('port')}")
    more = {"known_hosts": str(profile["known_hosts"])} if profile.get("known_hosts") else {}
    login = Login(
        hostname=str(profile["hostname"]),
        username=profile.get("username"),
        port=None if profile.get("port") is None else int(profile["port"]),
        key_file=profile.get("key_filename"),
        password=known.get("password") or next(filter(None, map(os.environ.get, _PASSWORDS)), None),
        passphrase=known.get("passphrase"),
        timeout=float(profile.get("timeout") or 20.0),
        prologue=str(profile.get("execute_command") or ""),
        **more,
    )
    made: Host = common.setdefault(f"host {scheduler} {login.label}", SshHost(login, PROGRAMS[scheduler]))
    return made
