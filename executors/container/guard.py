"""A small process that outlives a killed engine just long enough to remove its containers."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Guard"]

_SCRIPT = """program=$0 label=$1
shift
cat >/dev/null
for pause in 0 1 4; do
  sleep $pause
  ids=$("$program" ps -aq --filter "label=$label") && [ -n "$ids" ] && "$program" "$@" $ids
done >/dev/null 2>&1"""


class Guard:
    """Removes all containers with a label when this process is gone, however it went.

    Args:
        remove: the words of the program that end and remove containers.
    """

    def __init__(self, program: str, label: str, remove: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            ("/bin/sh", "-c", _SCRIPT, program, label, *remove),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def dismiss(self) -> None:
        """There is nothing to remove any more."""
        process = self._process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
