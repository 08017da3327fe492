"""A look-alike of a cluster that kubectl is set up for: no cluster can be had here."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["FakeCluster"]

_PROGRAM = Path(__file__).with_name("fake_kubectl") / "kubectl.py"


class FakeCluster:
    """The cluster, seen from outside.

    Attributes:
        bin: a directory for PATH with kubectl in it.
        state: what ``FAKE_KUBECTL`` must be.
    """

    def __init__(self, folder: Path) -> None:
        self.bin, self.state = folder / "bin", folder / "cluster"
        self.bin.mkdir(parents=True)
        (self.state / "objects").mkdir(parents=True)
        self.set("context", "test")
        program = self.bin / "kubectl"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{_PROGRAM}" "$@"\n')
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which kubectl asks this cluster."""
        return {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "FAKE_KUBECTL": str(self.state)}

    def set(self, name: str, text: str = "") -> None:
        """Make one of the files that say how it behaves."""
        (self.state / name).write_text(text)

    def unset(self, name: str) -> None:
        """Take it away."""
        (self.state / name).unlink()

    @property
    def calls(self) -> list[list[str]]:
        """What kubectl was called with."""
        file = self.state / "calls"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def called(self, *words: str) -> int:
        """How often kubectl was called with these words first, but for calls that change nothing."""
        calls = [call for call in self.calls if "--dry-run=client" not in call]
        return sum(call[: len(words)] == list(words) for call in calls)

    @property
    def objects(self) -> dict[str, dict[str, Any]]:
        """The objects that there are, by kind and name."""
        files = [file for file in (self.state / "objects").iterdir() if file.suffix != ".tmp"]
        return {file.name: json.loads(file.read_text()) for file in sorted(files)}

    def wait_for_object(self, timeout: float = 10.0) -> str:
        """Wait until there is one; its kind and name."""
        end = time.monotonic() + timeout
        while not self.objects:
            if time.monotonic() > end:
                raise TimeoutError("no object was made")
            time.sleep(0.02)
        return next(iter(self.objects))
