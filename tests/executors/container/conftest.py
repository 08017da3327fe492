"""Workflows whose steps run in containers."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dflow.compile import compile_workflow
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout
from dflow.engine.runner import RunResult, create_run, run
from dflow.executors.container import ContainerExecutor, ContainerOptions
from dflow.python.code import keep_code
from dflow.run_settings import run_settings

sys.path.insert(0, str(Path(__file__).parents[2] / "services"))
from image import CONFIGURATION, containers, make_image, why_not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow import Workflow


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs podman is for those who ask for it with ``-m podman``."""
    if "podman" in config.getoption("markexpr"):
        return
    marked = [item for item in items if any(mark.name == "podman" for mark in item.iter_markers())]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


class Runner:
    """Runs workflows in containers, and reads what they left.

    Attributes:
        options: of the executor.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.options = ContainerOptions(**{"engine": "podman", "pull": "Never", "network": False, **options})

    @property
    def layout(self) -> RunLayout:
        return RunLayout(self.folder / "wf-1")

    def create(self, workflow: Workflow) -> None:
        graph = compile_workflow(workflow)
        settings = run_settings(graph)
        create_run(self.layout.root, graph, settings)
        keep_code(self.layout, graph, settings.module_path)

    def go(self, workflow: Workflow | None = None, **more: Any) -> RunResult:
        """Run a workflow, or go on with it."""
        if workflow is not None:
            self.create(workflow)
        return run(self.layout, lambda settings: ContainerExecutor(self.options, settings.python), **more)

    def step(self, name: str) -> Path:
        """The directory of the step of that name."""
        found = [e["dir"] for e in read_events(self.layout.journal) if e.get("displayName") == name and e.get("dir")]
        return self.layout.root / found[-1]

    def log(self, name: str) -> str:
        return (self.step(name) / "log.txt").read_text()

    def output(self, step: str, name: str) -> str:
        """The text of an output parameter."""
        return (self.step(step) / "outputs" / "parameters" / name).read_text()

    def names(self) -> list[str]:
        """The steps that there are."""
        return [event["displayName"] for event in read_events(self.layout.journal) if "displayName" in event]

    def left(self) -> list[str]:
        """The containers that there still are."""
        return containers(self.layout.root)


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """An image with a shell and Python 3.11, without dflow."""
    if reason := why_not():
        if os.environ.get("DFLOW_TEST_SERVICES") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", str(CONFIGURATION))
        yield make_image()


@pytest.fixture
def make_runner(tmp_path: Path) -> Callable[..., Runner]:
    """Runs workflows with the options that are given."""
    return partial(Runner, tmp_path)


@pytest.fixture
def runner(tmp_path: Path, image: str) -> Iterator[Runner]:
    """Runs workflows with podman, and looks that no container is left."""
    runner = Runner(tmp_path, image=image)
    yield runner
    assert runner.left() == []
