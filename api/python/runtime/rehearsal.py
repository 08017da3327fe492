"""A step that does nothing, run a few times in a server before it forks.

The interpreter rewrites code that it has run a few times. A fork would do that anew in each step, and each page that it
rewrites is a page to copy; after a rehearsal there are a tenth fewer.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from dflow.python.op import OP
from dflow.python.opio import OPIO, OPIOSign
from dflow.python.runtime.children import flush
from dflow.python.runtime.main import Prepared, main
from dflow.python.runtime.process import is_alone, used

__all__ = ["rehearse"]

_TIMES = 9
_LONG = 60.0
"""Seconds after which a rehearsal is certainly over."""
_PLACE = "/dev/shm"  # noqa: S108 - what is made there is for this user alone
_NAME = "dflow-rehearsal-"
_FOLDERS = ("inputs/parameters", "inputs", "outputs/parameters", "outputs")
_FILES = ("inputs/parameters/n", "outputs/parameters/n")


class _Same(OP):
    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"n": int})

    @OP.exec_sign_check
    def execute(self, op_in: Any) -> Any:
        return OPIO({"n": op_in["n"]})


class _Rehearsed(Prepared):
    def __init__(self) -> None:
        self.spec = {}
        self._found = _Same
        self._signs = _Same.get_input_sign(), _Same.get_output_sign()


def rehearse() -> None:
    """Run the step in a directory in memory, and leave nothing of it; where that cannot be, do nothing.

    If the process is killed meanwhile, the next one of this user that rehearses removes what it has left.
    """
    folder = f"{_PLACE}/{_NAME}{os.geteuid()}-{os.getpid()}"
    try:
        _tidy()
        os.mkdir(folder, 0o700)
    except OSError:
        return
    try:
        os.makedirs(f"{folder}/inputs/parameters")
        with open(f"{folder}/inputs/parameters/n", "w", encoding="utf-8") as stream:
            stream.write("1")
        for _ in range(_TIMES):
            main(["", folder], _Rehearsed())
            flush([])
            is_alone()
            used()
    finally:
        _clear(folder)


def _tidy() -> None:
    """Remove the directories of processes of this user that were killed."""
    own = f"{_NAME}{os.geteuid()}-"
    for name in os.listdir(_PLACE):
        if name.startswith(own):
            folder = f"{_PLACE}/{name}"
            found = os.lstat(folder)
            is_ours = found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode)  # so nobody else can change it
            if is_ours and time.time() - found.st_mtime > _LONG and not os.path.exists(f"/proc/{name[len(own) :]}"):
                _sweep(folder)


def _sweep(folder: str) -> None:
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            _remove(os.unlink, os.path.join(place, name))
        for name in folders:
            _remove(os.rmdir, os.path.join(place, name))
    _remove(os.rmdir, folder)


def _clear(folder: str) -> None:
    for name in _FILES:
        _remove(os.unlink, f"{folder}/{name}")
    for name in _FOLDERS:
        _remove(os.rmdir, f"{folder}/{name}")
    _remove(os.rmdir, folder)


def _remove(remove: Any, path: str) -> None:
    try:
        remove(path)
    except OSError:
        return
