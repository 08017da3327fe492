"""The words with which Singularity and Apptainer run a program in an image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.executors.container.words import Launch, variables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.engine.ports import Job
    from dflow.executors.container.mounts import Mount
    from dflow.executors.container.options import ContainerOptions

__all__ = ["exec_words", "image_source"]

_PASSED = ("APPTAINERENV_", "SINGULARITYENV_")


def image_source(image: str) -> str:
    """What to run: a file or directory that is there, an address with its kind, else an image of Docker Hub's kind."""
    return image if "://" in image or Path(image).exists() else f"docker://{image}"


def exec_words(options: ContainerOptions, job: Job, image: str, mounts: Sequence[Mount]) -> Launch:
    """How Singularity or Apptainer runs a job.

    The environment goes by way of the program's own, so no value is read as a list, or seen by others.
    """
    words = [options.program, "exec", "--containall", "--cleanenv"]
    for mount in mounts:
        words += _mount(mount)
    words += ("--pwd", str(job.cwd))
    if not options.network:
        words += ("--net", "--network", "none")
    prefix = _prefix(options)
    env = {name: value for name, value in os.environ.items() if not name.startswith(_PASSED)}
    env[f"{prefix}_NO_EVAL"] = "1"  # values are not expanded as by a shell
    env.update({f"{prefix}ENV_{name}": value for name, value in variables(job).items() if name != "HOME"})
    return Launch((*words, *options.extra_args, image, *job.argv), env)


def _prefix(options: ContainerOptions) -> str:
    """What the program's variables begin with; where Apptainer is installed it answers to both names."""
    found = os.path.realpath(shutil.which(options.program) or options.program)
    return "APPTAINER" if options.engine == "apptainer" or Path(found).name == "apptainer" else "SINGULARITY"


def _mount(mount: Mount) -> tuple[str, str]:
    if not any(sign in mount.source + mount.target for sign in ':,"'):
        return "-B", f"{mount.source}:{mount.target}{'' if mount.writable else ':ro'}"
    fields = ["type=bind", f"source={mount.source}", f"destination={mount.target}", *([] if mount.writable else ["ro"])]
    return "--mount", ",".join(_quoted(field) for field in fields)


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"' if set(field) & set(',"') else field
