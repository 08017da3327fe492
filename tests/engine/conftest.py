"""Graphs and runs for the tests of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
import pytest
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout
from dflow.engine.model import (
    Call,
    DagTemplate,
    Outputs,
    ScriptTemplate,
    StepsTemplate,
    Template,
    WorkflowGraph,
)
from dflow.engine.run_directory import create_run
from dflow.engine.runner import RunResult, run
from dflow.engine.settings import RunSettings
from dflow.engine.state import read_record
from dflow.executors import make_executor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NOTHING = Outputs()


@dataclass
class Runner:
    """Makes a run in the test's directory, runs it, and reads what it left.

    Attributes:
        layout: the run's directory.
        settings: as for ``RunSettings``.
    """

    folder: Path
    id: str = "wf-1"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def layout(self) -> RunLayout:
        return RunLayout(self.folder / self.id)

    def create(self, graph: WorkflowGraph) -> RunLayout:
        library = str(Path(dflow.__file__).parent)
        settings = RunSettings(**{"library": library, "kill_grace": 0.3, **self.settings})
        return create_run(self.layout.root, graph, settings)

    def go(self, graph: WorkflowGraph | None = None, **more: Any) -> RunResult:
        """Run a new graph, or go on with the one that is there."""
        if graph is not None:
            self.create(graph)
        return run(self.layout, make_executor, **more)

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """The journal's last word on each node, by its name without the workflow's id."""
        events = (e for e in read_events(self.layout.journal) if e.get("event") == "node")
        return {e["name"].removeprefix(self.id): e for e in events}

    @property
    def phases(self) -> dict[str, str]:
        return {name: node["phase"] for name, node in self.nodes.items()}

    @property
    def status(self) -> str:
        return self.layout.status.read_text()

    def directory(self, node: str) -> Path:
        """The directory of a node."""
        return self.layout.root / self.nodes[node]["dir"]

    def record(self, node: str) -> dict[str, Any]:
        found = read_record(self.layout.step(self.nodes[node]["dir"]))
        assert found is not None
        return found

    def outputs(self) -> dict[str, Any]:
        """The outputs of the workflow."""
        return [e for e in read_events(self.layout.journal) if e.get("event") == "workflow"][-1]["outputs"]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def wrong(tmp_path: Path) -> Runner:
    """For graphs that compile would refuse: out of sight of the check that all graphs go through the API and back."""
    return Runner(tmp_path / "graphs" / "compile-refuses")


@pytest.fixture
def argo(tmp_path: Path) -> Runner:
    """For graphs with records that only manifests have: out of sight of the check as well."""
    return Runner(tmp_path / "graphs" / "of-manifests")


@pytest.fixture
def shell() -> Callable[..., ScriptTemplate]:
    """A leaf template that runs a shell script."""

    def make(name: str, script: str, **fields: Any) -> ScriptTemplate:
        return ScriptTemplate(name, "shell", script, **fields)

    return make


def in_order(main: Template, templates: Iterable[Template]) -> tuple[Template, ...]:
    """Sorted, and only those that are used: as compile makes graphs."""
    known = {template.name: template for template in templates}
    used, todo = {main.name: main}, [main]
    while todo:
        template = todo.pop()
        groups = template.groups if isinstance(template, StepsTemplate) else [getattr(template, "tasks", ())]
        calls = [call for group in groups for call in group]
        calls += [hook.call for call in calls for hook in call.hooks]
        for name in {call.template for call in calls} - set(used):
            used[name] = known[name]
            todo.append(known[name])
    return tuple(used[name] for name in sorted(used))


@pytest.fixture
def steps() -> Callable[..., WorkflowGraph]:
    """A workflow whose entry is a Steps template ``main`` with these groups; a single call is a group."""

    def make(*groups: Call | tuple[Call, ...], templates: Any, outputs: Outputs = NOTHING, **fields: Any) -> Any:
        parallelism = fields.pop("group_parallelism", None)
        of_tuples = tuple(g if isinstance(g, tuple) else (g,) for g in groups)
        main = StepsTemplate("main", of_tuples, outputs=outputs, parallelism=parallelism)
        return WorkflowGraph("wf", "main", in_order(main, templates), **fields)

    return make


@pytest.fixture
def dag() -> Callable[..., WorkflowGraph]:
    """A workflow whose entry is a DAG template ``main`` with these tasks."""

    def make(*tasks: Call, templates: Any, outputs: Outputs = NOTHING, **fields: Any) -> WorkflowGraph:
        parallelism = fields.pop("group_parallelism", None)
        main = DagTemplate("main", tasks, outputs=outputs, parallelism=parallelism)
        return WorkflowGraph("wf", "main", in_order(main, templates), **fields)

    return make
