"""A small process that outlives a killed engine just long enough to remove its containers."""

from __future__ import annotations

import os
import subprocess

__all__ = ["Guard"]

_SCRIPT = """cat >/dev/null
for pause in 0 1 4; do
  sleep $pause
  ids=$("$0" ps -aq --filter "label=$1") && [ -n "$ids" ] && "$0" rm -f $ids
done >/dev/null 2>&1"""


class Guard:
    """Removes all containers with a label when this process is gone, however it went."""

    def __init__(self, program: str, label: str) -> None:
        self._process = subprocess.Popen(
            ("/bin/sh", "-c", _SCRIPT, program, label),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )

    def dismiss(self) -> None:
        """There is nothing to remove any more."""
        process = self._process
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
