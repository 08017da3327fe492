"""What a step on another machine is made from: the program of its template, paths, packages and images."""

from __future__ import annotations

import os
import re
import shlex
from typing import Any, Callable, List, Sequence, Tuple

from dflow.op_template import PythonScriptOPTemplate

__all__ = ["TMP", "key_file", "marked", "packages_of", "paths_of", "program_of", "singularity_image"]

TMP = "/tmp"  # noqa: S108 - as scripts write it

_BEFORE = r"(?<![\w.~/}})\-])"
_AFTER = r"(?![\w\-]|\.\w)"


def marked(script: str, paths: Sequence[str], *, tmp: bool, mark: Callable[[str], str]) -> str:
    """A script with a mark before every path that the host has elsewhere.

    The mark also keeps a run on this machine from replacing the paths by those that it has for them.

    Args:
        tmp: everything in ``/tmp`` is one.
        mark: of a path.
    """
    absolute = {path.rstrip("/") for path in paths if path.startswith("/")} - {""}
    if tmp:
        absolute.add(TMP)
    words = "|".join(re.escape(path) for path in sorted(absolute, key=len, reverse=True))
    pattern = f"{_BEFORE}(?:{words}){_AFTER}"
    return re.sub(pattern, lambda found: mark(found.group()) + found.group(), script) if words else script


def paths_of(side: Any) -> List[str]:
    """The paths that one side of a template declares."""
    found = [
        getattr(port, name, None)
        for ports in (side.parameters, side.artifacts)
        for port in ports.values()
        for name in ("path", "value_from_path")
    ]
    return [str(path) for path in dict.fromkeys(found) if path]


def program_of(template: Any) -> Tuple[List[str], str]:
    """The words that run a template's script, and the script."""
    words = [str(word) for word in template.command or ()]
    if template.script is None:
        return ["sh"], f"exec {shlex.join([*words, *(str(arg) for arg in getattr(template, 'args', ()))])}\n"
    return words or ["python3" if isinstance(template, PythonScriptOPTemplate) else "sh"], str(template.script)


def packages_of(template: Any) -> List[str]:
    """What the script of a Python OP imports, as files and directories of this machine."""
    from dflow.executors.bundle import packages

    own = list(getattr(template, "packages", ()))
    return [*own, *(packages() if own else ())]


def key_file(path: Any) -> str:
    """The absolute path of a key."""
    return os.path.abspath(os.path.expanduser(str(path)))


def singularity_image(image: str) -> str:
    """An image as that program names it: those of registries begin with ``docker://``."""
    is_one = "://" in image or image.startswith((".", "/")) or image.endswith((".sif", ".img"))
    return image if is_one else f"docker://{image}"
