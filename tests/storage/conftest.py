"""Emulators of object stores, each with the library that talks to it in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import venv
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dflow
import pytest
from ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVICES = Path(__file__).parents[1] / "services"


class Environment:
    """An interpreter with the package and some libraries, and modules of its own."""

    def __init__(self, folder: Path, *packages: str) -> None:
        venv.create(folder / "venv", with_pip=True)
        self.folder, self.bin = folder, folder / "venv" / "bin"
        subprocess.run([self.bin / "pip", "install", "-q", *packages], check=True, timeout=600)
        shutil.copytree(dflow.__path__[0], folder / "dflow", ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter."""
        path = f"{self.folder}{os.pathsep}{SERVICES}"
        return subprocess.run(
            [self.bin / "python", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, "NO_PROXY": "127.0.0.1", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )

    def check(self, text: str, *options: str, **variables: str) -> list[str]:
        """The checks that ``client`` of a module fails; every check ran."""
        (self.folder / "mine.py").write_text(text)
        done = self.run("-m", "dflow.testing.storage", "mine.client", *options, **variables)
        lines = [line.split() for line in done.stdout.splitlines()]
        failed = [line[1] for line in lines if line[0] == "FAILED"]
        passed = [line[1] for line in lines if line[0] == "passed"]
        assert len(passed) + len(failed) == 30, done.stdout + done.stderr
        print(done.stdout)
        return failed


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Make an environment with some packages."""
    return lambda *packages: Environment(tmp_path_factory.mktemp("emulator"), *packages)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[list[str]], str]]:
    """Start a server on a port of its own, the argument ``PORT``, until the tests end; gives its address."""
    with ExitStack() as stack:

        def start(command: list[str]) -> str:
            port = free_port()
            stack.enter_context(_running([str(port) if word == "PORT" else word for word in command], port))
            return f"http://127.0.0.1:{port}"

        yield start


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[list[str]], str]) -> str:
    """The address of Azurite, the emulator of Azure's storage."""
    folder = tmp_path_factory.mktemp("azurite")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on PATH")
    subprocess.run([npm, "install", "--no-fund", "--no-audit", "azurite"], cwd=folder, check=True, timeout=600)
    program, data = str(folder / "node_modules/.bin/azurite-blob"), str(folder / "data")
    return serve([program, "--blobPort", "PORT", "--location", data, "--silent", "--skipApiVersionCheck"])


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    """A server, from when it listens to the end of the block."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            assert process.poll() is None, f"{command[0]} ended"
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)
