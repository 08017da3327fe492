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
        RuntimeError: the command failed and ``raise_error`` is set; the message ends with its standard error.
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
        raise RuntimeError(f"command {cmd} ended with status {result.returncode}:\n{err or out}")
    return result.returncode, out, err


def flatten(d: Any) -> Dict[str, Any]:
    """Nested dicts and lists as one dict with keys such as ``a.0.b``."""
    result: Dict[str, Any] = {}
    pairs = d.items() if isinstance(d, dict) else enumerate(d)
    for key, value in pairs:
        if isinstance(value, (dict, list)):
            result.update({f"{key}.{inner}": item for inner, item in flatten(value).items()})
        else:
            result[str(key)] = value
    return result


def expand(d: Dict[str, Any]) -> Any:
    """The way back from :func:`flatten`; a dict with keys 0, 1, 2 … becomes a list."""
    from dflow.python.catalog import unflatten

    return unflatten(d.items())


def dict2list(d: Any) -> Any:
    """Dicts with keys 0, 1, 2 … become lists, at every depth."""
    if not isinstance(d, dict):
        return d
    keys: List[str] = [str(key) for key in d]
    if keys and set(keys) == {str(i) for i in range(len(keys))}:
        by_text = {str(key): value for key, value in d.items()}
        return [dict2list(by_text[str(i)]) for i in range(len(keys))]
    return {key: dict2list(value) for key, value in d.items()}
