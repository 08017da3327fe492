"""Small helpers that scripts and OPs use."""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import string
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from dflow.engine.errors import WrongType, WrongValue

__all__ = [
    "dict2list",
    "expand",
    "flatten",
    "get_md5",
    "randstr",
    "remove_empty_dir_tag",
    "run_command",
    "set_directory",
]

_LONGEST = 1_000_000
"""What a list with gaps may have."""

_ELSEWHERE = {
    "ArtifactDict": "path_objects",
    "ArtifactList": "path_objects",
    "ArtifactPosixPath": "path_objects",
    "ArtifactSet": "path_objects",
    "ArtifactStr": "path_objects",
    "MinioClient": "objects",
    "StorageClient": "storage",
    "assemble_path_object": "path_objects",
    "assemble_path_object_from_catalog": "path_objects",
    "catalog_of_artifact": "artifacts",
    "catalog_of_local_artifact": "path_objects",
    "copy_artifact": "artifacts",
    "copy_file": "tree_files",
    "copy_s3": "objects",
    "download_artifact": "artifacts",
    "download_s3": "objects",
    "force_link": "tree_files",
    "force_move": "tree_files",
    "get_key": "objects",
    "link": "tree_files",
    "linktree": "tree_files",
    "merge_dir": "tree_files",
    "path_list_of_artifact": "artifacts",
    "path_object_of_artifact": "artifacts",
    "set_key": "objects",
    "try_link": "tree_files",
    "upload_artifact": "artifacts",
    "upload_s3": "objects",
}


def __getattr__(name: str) -> Any:
    """Names that scripts import from here, and that live in other modules."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'dflow.utils' has no attribute {name!r}")
    return getattr(importlib.import_module(f"dflow.{_ELSEWHERE[name]}"), name)


def get_md5(f: Any) -> str:
    """The MD5 sum of a file, in hexadecimal digits."""
    digest = hashlib.md5()  # noqa: S324 - the sum that object stores give
    with open(str(f), "rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def remove_empty_dir_tag(path: Any) -> None:
    """Remove the files ``.empty_dir``, which stand for empty directories in object stores, below a directory."""
    from pathlib import Path

    from dflow.storage.artifacts import remove_empty_tags

    remove_empty_tags(Path(str(path)))


def randstr(length: int = 5) -> str:
    """Random lower-case letters and digits; a script that seeds ``random`` gets new ones all the same."""
    return "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=length))


@contextmanager
def set_directory(dirname: Any, mkdir: bool = False) -> Iterator[Path]:
    """Work in a directory, and come back.

    Args:
        mkdir: make it when it is not there.
    """
    old, new = os.getcwd(), Path(dirname).absolute()
    if mkdir:
        new.mkdir(parents=True, exist_ok=True)
    os.chdir(str(new))
    try:
        yield new
    finally:
        os.chdir(old)


class CommandFailed(RuntimeError, AssertionError):
    """A command ended with another status than 0; an AssertionError too, since code for upstream catches that."""


def run_command(
    cmd: Any,
    raise_error: bool = True,
    input: str | None = None,
    try_bash: bool = False,
    login: bool = True,
    interactive: bool = True,
    shell: bool = False,
    print_oe: bool = False,
    stdout: Any = None,
    stderr: Any = None,
    **kwargs: Any,
) -> Tuple[int, str, str]:
    """Run a command and wait: exit status, standard output, standard error.

    Args:
        cmd: a list of words, or a text for a shell.
        raise_error: raise when the status is not 0.
        input: text for standard input.
        try_bash: run it in ``bash`` (with ``login``: as a login shell; ``interactive``: with the user's settings).
        print_oe: print what it prints.

    Raises:
        dflow.utils.CommandFailed: the command failed and ``raise_error`` is set; the message ends with its
            standard error.
    """
    words = cmd
    if try_bash:
        text = cmd if isinstance(cmd, str) else " ".join(map(str, cmd))
        flags = "-" + "l" * login + "i" * interactive + "c"
        words, shell = ["bash", flags, text], False
    elif isinstance(cmd, str):
        shell = True
    result = subprocess.run(
        words,
        input=input,
        shell=shell,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE if stderr is None else stderr,
        text=True,
        check=False,
        **kwargs,
    )
    out, err = result.stdout or "", result.stderr or ""
    if print_oe:
        sys.stdout.write(out)
        sys.stderr.write(err)
    if raise_error and result.returncode != 0:
        raise CommandFailed(f"command {cmd} ended with status {result.returncode}:\n{err or out}")
    return result.returncode, out, err


def flatten(d: Any) -> Dict[str, Any]:
    """Nested dicts and lists as one dict with keys such as ``a.0.b``; {} of what is neither.

    Empty dicts and lists inside leave no trace. A key that is no text stays as it is at the top.
    """
    result: Dict[str, Any] = {}
    if isinstance(d, dict):
        pairs: List[Tuple[Any, Any]] = list(d.items())
    else:
        pairs = [(str(index), item) for index, item in enumerate(d)] if isinstance(d, list) else []
    for key, value in pairs:
        if isinstance(value, (dict, list)):
            result.update({f"{key}.{inner}": item for inner, item in flatten(value).items()})
        else:
            result[key] = value
    return result


def expand(d: Dict[str, Any]) -> Any:
    """The way back from :func:`flatten`; dicts whose keys are all numbers become lists, with None at what is missing.

    Raises:
        TypeError: one key is the beginning of another, which has dots.
        ValueError: a number is far too large for an index.
    """
    tree: Dict[str, Any] = {}
    branches = {"": tree}
    for key, value in d.items():
        *above, last = str(key).split(".")
        path, branch = "", tree
        for part in above:
            path += part + "."
            if path not in branches:
                if part in branch:
                    raise WrongType(f"expand: {key!r} goes on where another key ends")
                branches[path] = branch[part] = {}
            branch = branches[path]
        if last in branch:
            raise WrongType(f"expand: another key is {key!r}, or goes on from there")
        branch[last] = value
    return dict2list(tree)


def dict2list(d: Any) -> Any:
    """Dicts whose keys are all numbers become lists, at every depth; None is at what is missing, [] for {}.

    Raises:
        ValueError: a number is far too large for an index.
    """
    if not isinstance(d, dict):
        return d
    items = {key: dict2list(value) for key, value in d.items()}
    by_index = {int(text): items[key] for key in items if (text := str(key)).isascii() and text.isdecimal()}
    if len(by_index) < len(items):
        return items
    length = max(by_index, default=-1) + 1
    if length > _LONGEST + 100 * len(by_index):
        raise WrongValue(f"dict2list: a list with the index {length - 1} would be nearly empty")
    return [by_index.get(index) for index in range(length)]
