"""Lines of the shell that mount a remote of rclone."""

from __future__ import annotations

import shlex
from configparser import ConfigParser, Error
from typing import Any, Dict, Mapping, Tuple

from dflow.engine.errors import WrongValue
from dflow.op_template import Secret

__all__ = ["VARIABLE", "mount_script", "remote_of", "with_defaults"]

VARIABLE = "RCLONE_PASSWORD"
"""The variable that a password is in which is a secret."""

_DEFAULTS: Dict[str, Dict[str, Any]] = {
    "ftp": {"explicit_tls": True, "disable_tls13": True, "concurrency": 3},
    "webdav": {"vendor": "other", "concurrency": 100},
}


def with_defaults(kind: str, options: Mapping[str, Any]) -> Dict[str, Any]:
    """The options of a remote, with those that the catalogue's servers of its kind want."""
    return {**options, **{name: value for name, value in _DEFAULTS.get(kind, {}).items() if name not in options}}


def remote_of(config: str) -> Tuple[str, str, Dict[str, str]]:
    """The name, the kind and the options of the one remote in a text like ``rclone.conf``.

    Raises:
        ValueError: there is none, or no kind, or there are several.
    """
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(str(config))
    except Error as exc:
        raise WrongValue(f"that is no configuration of rclone: {exc}") from None
    names = parser.sections()
    if len(names) != 1 or "type" not in parser[names[0]]:
        raise WrongValue("a configuration of rclone must have one remote, with a type: [NAME], then type = ftp …")
    options = dict(parser[names[0]])
    return names[0], options.pop("type"), options


def mount_script(remote: str, kind: str, options: Mapping[str, Any], path: str) -> str:
    """The command of the shell that mounts a remote at a path, and goes on while it is mounted."""
    given = {n: value for n, value in options.items() if value is not None and not isinstance(value, Secret)}
    texts = {n: str(value).lower() if isinstance(value, bool) else str(value) for n, value in given.items()}
    words = [word for pair in texts.items() for word in pair]
    make = shlex.join(["rclone", "config", "create", remote, kind, *words])
    if isinstance(options.get("pass"), Secret):
        make += f' pass "${VARIABLE}"'
    place = shlex.quote(path)
    return f"{make} && mkdir -p {place} && rclone mount {shlex.quote(remote + ':')} {place}"
