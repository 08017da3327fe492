"""A line of the shell that runs a script in a container, for executors of one's own."""

from __future__ import annotations

import shlex
from typing import Any, Dict, List, Sequence

from dflow.engine.errors import WrongValue
from dflow.tracebacks import called_by_users

__all__ = ["run_script"]

_POLICIES = ("Always", "IfNotPresent", "Never")
_HERE = ('"$PWD/tmp:/tmp"', '"$PWD/script:/script"')


@called_by_users
def run_script(
    image: str,
    cmd: Sequence[str] | str,
    docker: str | None = None,
    singularity: str | None = None,
    podman: str | None = None,
    image_pull_policy: str | None = None,
    host_mounts: Dict[str, str] | None = None,
    cpu: Any = None,
    memory: Any = None,
    args: str = "",
    envs: Dict[str, str] | None = None,
) -> str:
    """The command of the shell that runs the file ``script`` of the working directory in an image.

    The container sees ``tmp`` of the working directory, which is made, as ``/tmp``, and the script as ``/script``. With
    none of the three programs the script is run without a container. Whatever is given is quoted, but for ``args``.

    Args:
        cmd: what runs the script, such as ``["python3"]``; a text is taken apart as the shell does.
        docker, singularity, podman: the program to use; one of them.
        image_pull_policy: ``Always``, ``IfNotPresent`` (also when None) or ``Never``.
        host_mounts: places in the container, and which files of the machine are there.
        cpu, memory: limits, such as ``2`` and ``"1Gi"``; Singularity is told none.
        args: more words for the program, as they are.
        envs: environment variables.

    Raises:
        ValueError: several programs, an unknown policy, or a limit that is no quantity.
    """
    words = shlex.split(cmd) if isinstance(cmd, str) else [str(word) for word in cmd]
    programs = {"docker": docker, "singularity": singularity, "podman": podman}
    given = [(engine, program) for engine, program in programs.items() if program is not None]
    if not given:
        return shlex.join([*words, "script"])
    if len(given) > 1:
        raise WrongValue(
            f"run_script takes one of docker, singularity and podman, not {' and '.join(e for e, _ in given)}"
        )
    policy = image_pull_policy or "IfNotPresent"
    if policy not in _POLICIES:
        raise WrongValue(
            f"image_pull_policy is {policy!r}; it must be one of {', '.join(map(repr, _POLICIES))}, or None"
        )
    engine, program = given[0][0], shlex.quote(given[0][1])
    mounts = [*_HERE, *(shlex.quote(f"{there}:{place}") for place, there in (host_mounts or {}).items())]
    variables = [f"{name}={value}" for name, value in (envs or {}).items()]
    command = shlex.join([*words, "/script"])
    if engine == "singularity":
        source, choose = _image_of_singularity(image, policy)
        options = [*(f"-B {mount}" for mount in mounts), *(f"--env {shlex.quote(text)}" for text in variables)]
        fresh = ["--disable-cache"] if policy == "Always" else []
        parts = [program, "exec", *fresh, *options, args, source, command]
        return " && ".join([*choose, "mkdir -p tmp", " ".join(part for part in parts if part)])
    options = [*(f"-v {mount}" for mount in mounts), *(f"-e {shlex.quote(text)}" for text in variables)]
    parts = [program, "run --rm", *options, *_limits(cpu, memory), args, shlex.quote(image), command]
    return " && ".join([*_bring(program, image, policy), "mkdir -p tmp", " ".join(part for part in parts if part)])


def _bring(program: str, image: str, policy: str) -> List[str]:
    """Have the image, or fail where it must be there."""
    name = shlex.quote(image)
    is_there, pull = f"{program} image inspect {name} >/dev/null", f"{program} pull {name}"
    return {"Always": [pull], "Never": [is_there]}.get(policy, [f"{{ {is_there} 2>&1 || {pull}; }}"])


def _image_of_singularity(image: str, policy: str) -> tuple[str, List[str]]:
    """The image as a word of the shell, and what finds out whether it is a file, or one of Docker Hub's kind."""
    if "://" in image:
        return shlex.quote(image), []
    name, address = shlex.quote(image), shlex.quote(f"docker://{image}")
    if policy == "Never":
        return name, [f"test -e {name}"]
    return '"$image"', [f"image={address}", f"{{ test ! -e {name} || image={name}; }}"]


def _limits(cpu: Any, memory: Any) -> List[str]:
    from dflow.engine.errors import LeafError
    from dflow.executors.quantities import bytes_of, cpus_of

    try:
        limits = [] if cpu is None else [f"--cpus {cpus_of(str(cpu)):g}"]
        return limits if memory is None else [*limits, f"--memory {bytes_of(str(memory))}"]
    except LeafError as exc:
        raise WrongValue(str(exc)) from None
