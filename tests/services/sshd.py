"""A real SSH server on this machine, in a directory and at a port of its own."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from needed import lacking
from ports import free_port

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SshService", "why_not"]

SCRIPT = Path(__file__).with_name("sshd.sh")
PROGRAMS = ("sshd", "ssh", "ssh-keygen")


def why_not() -> str:
    """Why there can be no server here; empty if there can."""
    return lacking("the SSH server", PROGRAMS, "/usr/sbin", installs=True)


class SshService:
    """One server; a context manager that starts it, and ends it with its sessions.

    Args:
        directory: where its settings, keys and log are; made if it is not there, and left.
        user: who may log in; made if there is none of that name.

    Attributes:
        host, port, user: where and as whom to log in.
        key: the file of the private key that opens it.
        known_hosts: a file that names the server's own key.
    """

    host = "127.0.0.1"

    def __init__(self, directory: Path, user: str | None = None) -> None:
        self.directory = directory
        self.user = user or pwd.getpwuid(os.getuid()).pw_name
        self.port = free_port()
        self.key = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, if it is not running, and wait until it listens; again at the same port with the same keys."""
        self._run("start", seconds=120)

    def stop(self) -> None:
        """End the server; open sessions stay."""
        self._run("stop")

    def kill(self) -> None:
        """End the server and, at once, all sessions with what runs in them."""
        self._run("kill")

    def drop(self) -> None:
        """End the open connections; the server goes on, and what runs at the other end is not told."""
        self._run("drop")

    def is_running(self) -> bool:
        """Whether it takes connections."""
        return subprocess.run(self._command("status"), check=False, stdout=subprocess.DEVNULL).returncode == 0

    def _run(self, verb: str, seconds: float = 30) -> None:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        subprocess.run(self._command(verb), check=True, timeout=seconds, **streams)

    def _command(self, verb: str) -> list[str]:
        return ["bash", str(SCRIPT), verb, "-p", str(self.port), "-u", self.user, "-d", str(self.directory)]
