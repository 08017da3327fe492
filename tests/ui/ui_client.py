"""A real ``dflow ui`` process, and requests to it as plain as they can be."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Reply", "UiProcess", "run_script"]

LIBRARY = str(Path(__import__("dflow").__file__).parents[1])


class Reply(NamedTuple):
    """What was answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class UiProcess:
    """``dflow ui`` of a folder, started as a user would.

    Attributes:
        url: what it has printed.

    Args:
        prefix: of the command.
    """

    def __init__(
        self, folder: Path, *options: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        command = [sys.executable, "-m", "dflow.cli", "ui", "--no-browser", "--dir", str(folder)]
        if "--port" not in options:
            command += ["--port", "0"]
        self.process = subprocess.Popen(
            [*prefix, *command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(env),
        )
        self.printed = ""
        self.url = self._read_url()
        found = re.search(r":(\d+)(/\S*)\?token=(\S+)", self.url)
        assert found is not None
        self.port, self.path, self.token = int(found[1]), found[2], found[3]
        self.host = f"127.0.0.1:{self.port}"

    def _read_url(self) -> str:
        assert self.process.stdout is not None
        timer = threading.Timer(30, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                self.printed += line
                if "?token=" in line:
                    return line.strip()
        finally:
            timer.cancel()
        self.process.communicate()
        raise AssertionError(f"no address was printed:\n{self.printed}")

    def close(self) -> str:
        """End it as Ctrl-C does; what it has printed since the address."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            rest, _ = self.process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.printed += rest
        return rest

    # -- requests ---------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Exactly this request; only ``Host`` is added where it is not given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = dict(headers or {})
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            host = given.pop("Host", self.host)
            if host:
                connection.putheader("Host", host)
            for name, value in given.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        """GET with the token."""
        return self.ask("GET", path, headers={"Authorization": f"Bearer {self.token}", **headers})

    def json(self, path: str) -> Any:
        """What GET gives with the token, which must be no error."""
        reply = self.get(path)
        assert reply.status == 200, reply.body
        return reply.json

    def post(self, path: str, data: Any = None, **headers: str) -> Reply:
        """POST with the token and the CSRF token."""
        csrf = self.json("/api/session")["csrf"]
        given = {"Authorization": f"Bearer {self.token}", "X-CSRF-Token": csrf, **headers}
        return self.ask("POST", path, json.dumps(data or {}).encode(), given)

    @contextmanager
    def stream(self, path: str, timeout: float = 15.0) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events of a stream, as they come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()
            )
            file = connection.makefile("rb")
            assert file.readline().split()[1] == b"200"
            while file.readline().strip():
                continue
            yield _events(file)


def _events(file: Any) -> Iterator[tuple[str, Any]]:
    buffer = b""
    while True:
        size = int(file.readline().strip() or b"0", 16)
        if size == 0:
            return
        buffer += file.read(size)
        file.readline()
        while b"\n\n" in buffer:
            block, _, buffer = buffer.partition(b"\n\n")
            lines = dict(line.split(": ", 1) for line in block.decode().splitlines() if not line.startswith(":"))
            if "event" in lines:
                yield lines["event"], json.loads(lines["data"])


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What commands are started with: as here, without what tells of a login by ssh."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "DFLOW_"))}
    path = os.pathsep.join(filter(None, (LIBRARY, os.environ.get("PYTHONPATH"))))
    return {**kept, "PYTHONPATH": path, **(more or {})}


def run_script(folder: Path, text: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder; it must not fail."""
    script = folder / "script.py"
    script.write_text(text)
    found = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found
