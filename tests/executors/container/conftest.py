"""Workflows whose steps run in containers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from dflow.compile import compile_workflow
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout
from dflow.engine.run_directory import create_run
from dflow.engine.runner import RunResult, run
from dflow.executors.container import ContainerExecutor, ContainerOptions
from dflow.python.code import keep_code
from dflow.run_settings import run_settings
from image import CONFIGURATION, containers, make_image, why_not
from needed import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dflow import Workflow


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
    need(why_not())
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
