"""The words with which podman and docker start a container."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError
from dflow.engine.records import record
from dflow.executors.quantities import bytes_of, cpus_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dflow.engine.ports import Job
    from dflow.executors.container.mounts import Mount
    from dflow.executors.container.options import ContainerOptions

__all__ = ["Launch", "as_in_image", "identity", "qualified", "run_words", "variables"]

_CLIENTS = (
    "BUILDAH",
    "CONTAINER",
    "DOCKER",
    "GO",
    "HTTP",
    "LD_",
    "NO_PROXY",
    "PODMAN",
    "REGISTRY",
    "STORAGE",
    "TMP",
    "XDG",
)
_SHELL = ("/bin/sh", "-c")
_WRAPPED = 4


@record(frozen=True, slots=True)
class Launch:
    """A program that runs a job in a container: its words, and its own environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def as_in_image(argv: Sequence[str], python: str) -> tuple[str, ...]:
    """The words of a program as they are in an image, which has a Python of its own."""
    words = list(argv)
    first = _WRAPPED if tuple(words[:2]) == _SHELL and len(words) > _WRAPPED else 0
    if words and words[first] == python:
        words[first] = "python3"
    return tuple(words)


def qualified(engine: str, image: str) -> str:
    """The name to pull an image by: short ones are Docker Hub's, as on a cluster; podman wants that said."""
    first, slash, _ = image.partition("/")
    if engine != "podman" or (slash and (first == "localhost" or "." in first or ":" in first)):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def identity(engine: str, *, rootless: bool) -> tuple[str, ...]:
    """The words that let a container's files be those of the user, whatever user the image names.

    Args:
        rootless: the engine runs as the user, and its root is them.
    """
    uid, gid = os.geteuid(), os.getegid()
    if rootless and engine == "podman":
        return ("--userns=keep-id", "--user", f"{uid}:{gid}")
    if rootless:
        return ("--user", "0:0")
    groups = [word for group in sorted(set(os.getgroups()) - {gid}) for word in ("--group-add", str(group))]
    return ("--user", f"{uid}:{gid}", *groups)


def variables(job: Job) -> dict[str, str]:
    """The environment in a container: what the template declares and what dflow needs; a home for who is not root."""
    own = dict(job.own_env)
    if os.geteuid() != 0:
        own.setdefault("HOME", own.get("TMPDIR", str(job.cwd)))
        own.setdefault("USER", os.environ.get("USER", str(os.geteuid())))
    return own


def run_words(
    options: ContainerOptions, job: Job, image: str, mounts: Sequence[Mount], name: str, more: Sequence[str]
) -> Launch:
    """How podman or docker runs a job.

    Values of variables are not shown to whoever looks at the processes, where the program can take them from its own
    environment.

    Args:
        name: the container's.
        more: words that depend on the engine alone.

    Raises:
        LeafError: a limit is no quantity, or a path cannot be said.
    """
    words = [options.program, "run", "--name", name, "--security-opt", "label=disable", *more]
    env = dict(os.environ)
    for variable, value in variables(job).items():
        if env.get(variable) == value or (variable not in env and not variable.upper().startswith(_CLIENTS)):
            env[variable] = value
            words += ("--env", variable)
        else:
            words += ("--env", f"{variable}={value}")
    for mount in mounts:
        words += _mount(mount)
    words += _limits(job.resources.get("limits") or {})
    words += ("--workdir", str(job.cwd))
    if not options.network:
        words.append("--network=none")
    words += options.extra_args
    if job.argv:
        words += ("--entrypoint", job.argv[0])
    return Launch((*words, image, *job.argv[1:]), env)


def _mount(mount: Mount) -> tuple[str, str]:
    both = mount.source + mount.target
    if ":" not in both:
        return "-v", f"{mount.source}:{mount.target}:{'rw' if mount.writable else 'ro'}"
    if "," in both or '"' in both:
        raise LeafError(f"{mount.target} cannot be seen in a container: its name holds a colon, and a comma or a quote")
    return "--mount", f"type=bind,source={mount.source},target={mount.target}{'' if mount.writable else ',readonly'}"


def _limits(limits: Mapping[str, str]) -> list[str]:
    """The words for a template's limits, without swap, as on a cluster; not more processors than there are."""
    words = []
    if limits.get("cpu") is not None:
        words += ["--cpus", f"{min(cpus_of(str(limits['cpu'])), float(os.cpu_count() or 1)):.3g}"]
    if limits.get("memory") is not None:
        size = str(bytes_of(str(limits["memory"])))
        words += ["--memory", size, "--memory-swap", size]
    return words
