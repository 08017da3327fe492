"""How many kills there are, what survived, and the process that runs the workflows.

``DFLOW_CRASH_KILLS`` is the number of kills (``all``: every write of every workflow),
``DFLOW_CRASH_SEED`` chooses which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
_DEFAULT = "240"


@dataclass
class Count:
    """The numbers of a session.

    Attributes:
        wanted: how many kills to try; None for all there are.
        tried: processes that were killed.
        survived: those after which the run ended as if nothing had been.
    """

    wanted: int | None
    seed: str
    tried: int = 0
    survived: int = 0


_COUNT = pytest.StashKey[Count]()


def pytest_configure(config: pytest.Config) -> None:
    wanted = os.environ.get("DFLOW_CRASH_KILLS", _DEFAULT)
    config.stash[_COUNT] = Count(None if wanted == "all" else int(wanted), os.environ.get("DFLOW_CRASH_SEED", "1"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    count = config.stash[_COUNT]
    if count.tried:
        terminalreporter.section("crash tests")
        terminalreporter.line(f"kills tried: {count.tried}, survived: {count.survived} (seed {count.seed})")


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Count:
    """The numbers of this session."""
    return request.config.stash[_COUNT]


class Driver:
    """The process of ``driver.py``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, str(HERE / "driver.py"), str(folder)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DFLOW_")}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the driver itself has died"
        return json.loads(answer)

    def close(self) -> None:
        """No more requests."""
        self._process.communicate()


@pytest.fixture(scope="session")
def driver() -> Iterator[Driver]:
    """One driver for all tests; what failed stays in its folder."""
    folder = Path(tempfile.mkdtemp(prefix="dflow-crash-"))
    driver = Driver(folder)
    yield driver
    driver.close()
    if not any(folder.iterdir()):
        folder.rmdir()
