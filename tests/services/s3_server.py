"""A real S3 server in a directory and at a port of its own, that can be stopped, killed and restarted."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from needed import lacking
from ports import two_free_ports

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["S3Server", "why_not"]

SCRIPT = Path(__file__).with_name("s3.sh")
PROGRAMS = ("ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin", "monmaptool")


def why_not() -> str:
    """Why there can be no server here; empty if there can."""
    return lacking("the S3 server", PROGRAMS)


class S3Server:
    """One server; a context manager that starts it, and removes it with all it stores.

    Attributes:
        endpoint: host and port.
        access_key, secret_key: of its only user.
    """

    access_key = secret_key = "minioadmin"  # noqa: S105 - of the server of the tests

    def __init__(self) -> None:
        self.port = two_free_ports()
        self.endpoint = f"127.0.0.1:{self.port}"
        self.directory = Path(tempfile.mkdtemp(prefix="dflow-s3-", dir="/tmp"))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Start what does not run, and wait until it answers."""
        self._run("start")

    def stop(self) -> None:
        """End it as an administrator would."""
        self._run("stop")

    def kill(self) -> None:
        """End it as a failing power supply would."""
        self._run("kill")

    def restart(self, pause: float = 0.0) -> None:
        """Kill it, and start it some seconds later."""
        self.kill()
        time.sleep(pause)
        self.start()

    def _run(self, action: str) -> None:
        command = [str(SCRIPT), action, str(self.directory), str(self.port)]
        log = self.directory / "script.log"
        with log.open("a") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        assert done.returncode == 0, f"s3.sh {action}: {log.read_text()[-2000:]}"
