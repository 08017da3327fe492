"""The words that run a job in a container on the machine that it runs on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import LeafError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dflow.engine.ports import Job

__all__ = ["wrapper"]

_AS_USER = {
    "docker": 'exec "$0" run --rm --init --user "$(id -u):$(id -g)" "$@"',
    "podman": 'test "$(id -u)" = 0 || set -- --userns=keep-id "$@"; exec "$0" run --rm --init "$@"',
}
_PLACES = ("/", "./", "../", "~")


def wrapper(container: Mapping[str, Any]) -> Callable[[Sequence[str], Sequence[str], Job], tuple[str, ...]]:
    """Makes words that run a job in a container of those that run it without.

    The result takes the words, the directories that the container is to see at their own paths, and the job.
    """
    engine, program = str(container["engine"]), str(container["program"])
    more = shlex.split(str(container.get("args") or ""))

    def wrap(argv: Sequence[str], places: Sequence[str], job: Job) -> tuple[str, ...]:
        image = container.get("image") or job.image
        if not image:
            raise LeafError("its job is to run in a container, and its template names no image")
        if engine == "singularity":
            binds = [word for place in places for word in ("--bind", place)]
            source = image if "://" in image or image.startswith(_PLACES) else f"docker://{image}"
            return (program, "exec", *binds, "--pwd", str(job.cwd), *more, source, *argv)
        mounts = [word for place in places for word in ("-v", f"{place}:{place}")]
        names = [word for name in sorted(job.env) for word in ("-e", name)]
        first = ("sh", "-c", _AS_USER[engine], program)
        return (*first, *mounts, *names, "-w", str(job.cwd), "--entrypoint", argv[0], *more, image, *argv[1:])

    return wrap
