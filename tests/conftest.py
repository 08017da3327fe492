"""Fixtures that all tests share."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).with_name("services")))  # for all tests

from needed import need
from until import until as wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slurm import SlurmService
    from sshd import SshService

ROOT = Path(__file__).parents[1]
ASKED_FOR = (
    "artefacts",
    "chromium",
    "crash",
    "docs",
    "downstream",
    "emulators",
    "examples",
    "hostile",
    "hpc",
    "podman",
    "roundtrip",
    "s3",
    "scale",
    "sge",
    "slurm",
    "ssh",
    "upstream",
    "waiting",
)
os.environ.setdefault("DFLOW_PROGRESS", "none")  # what is printed must not depend on how long a run takes


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes of kills and of waiting, and real services, are for those who ask for them: ``-m crash``, ``-m ssh`` …"""
    for name in ASKED_FOR:
        marked = [item for item in items if item.get_closest_marker(name)]
        if marked and name not in config.getoption("markexpr"):
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if item not in marked]


@pytest.fixture(scope="module")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshService]:
    """A real SSH server of this machine."""
    from sshd import SshService, why_not

    need(why_not())
    with SshService(tmp_path_factory.mktemp("ssh server")) as started:
        yield started


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmService]:
    """A real scheduler of this machine."""
    from slurm import SlurmService, why_not

    need(why_not())
    with SlurmService() as started:
        yield started


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits until something is true."""
    return wait_until


@pytest.fixture
def own_settings() -> Iterator[None]:
    """What a test sets is afterwards as it was."""
    from dflow import config, s3_config, upload_packages

    saved = dict(config), dict(s3_config), list(upload_packages)
    yield
    for target, values in zip((config, s3_config), saved, strict=False):
        target.clear()
        target.update(values)
    upload_packages[:] = saved[2]


@pytest.fixture
def project_root() -> Path:
    """The checkout that the tests are in."""
    return ROOT


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test works in a directory of its own, where its runs and uploads go.

    Every graph that a test leaves there must come back from a trip through the objects of the API: this makes
    ``compile(decompile(g)) == g`` a property of all graphs of the suite, those of scripts included.
    """
    monkeypatch.chdir(tmp_path)
    yield
    for file in [*tmp_path.glob("*/.dflow/graph.json"), *tmp_path.glob("*/*/.dflow/graph.json")]:
        assert_comes_back(file)


def assert_comes_back(file: Path) -> None:
    """Check ``compile(decompile(g)) == g`` for the graph in a file."""
    from dflow.compile import compile_workflow
    from dflow.decompile import decompile
    from dflow.engine import codec
    from dflow.engine.errors import StateError

    try:
        graph = codec.loads(file.read_text())
    except StateError:
        return  # damaged on purpose
    assert compile_workflow(decompile(graph)) == graph, f"{file} does not come back"


@pytest.fixture
def run_script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Write a script into the test's directory and run it as a user would; fails the test on a bad exit status."""

    def run(
        text: str,
        *arguments: str,
        name: str = "script.py",
        check: bool = True,
        env: dict[str, str] | None = None,
        timeout: float = 100,
    ) -> subprocess.CompletedProcess[str]:
        script = tmp_path / name
        script.write_text(textwrap.dedent(text))
        result = subprocess.run(
            [sys.executable, str(script), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )
        if check:
            assert result.returncode == 0, result.stdout + result.stderr
        return result

    return run
