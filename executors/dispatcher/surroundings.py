"""What dpdispatcher's resources say to be done around a job's program, as lines of the shell."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["after", "before"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def before(resources: Mapping[str, Any]) -> str:
    """Modules, files to source, variables, and ``prepend_script``, in this order.

    Raises:
        ConfigError: a variable has no name that a shell knows.
    """
    lines = ["module purge"] if resources.get("module_purge") else []
    lines += [f"module unload {shlex.quote(str(name))}" for name in _listed(resources, "module_unload_list")]
    lines += [f"module load {shlex.quote(str(name))}" for name in _listed(resources, "module_list")]
    lines += [f". {_file(str(path))}" for path in _listed(resources, "source_list")]
    for name, value in dict(resources.get("envs") or {}).items():
        if not _NAME.match(str(name)):
            raise ConfigError(f"resources_dict: envs: {name!r} is no name of a variable")
        values = value if isinstance(value, list) else [value]
        lines += [f"export {name}={shlex.quote(str(one))}" for one in values]
    return "\n".join([*lines, *map(str, _listed(resources, "prepend_script"))])


def after(resources: Mapping[str, Any]) -> str:
    """``append_script``."""
    return "\n".join(map(str, _listed(resources, "append_script")))


def _listed(resources: Mapping[str, Any], name: str) -> list[Any]:
    value = resources.get(name) or []
    return value if isinstance(value, list) else [value]


def _file(path: str) -> str:
    """A file to source, with variables and a home in its path left to the shell; arguments may follow it."""
    return path if path.startswith(("/", "~", "$", "./")) else f"./{path}"
