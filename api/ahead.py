"""The process that the steps of a run are forked from, started before the engine is imported.

Both take about as long; so a workflow of one step starts when the longer of the two is done, not after their sum.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import dflow
from dflow.config import config

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.engine.model import Call, PythonOpTemplate, WorkflowGraph

__all__ = ["load_first_op", "server_ahead"]


@contextmanager
def server_ahead(*, detach: bool) -> Iterator[Any]:
    """A first server on its way; None where the run will have none, or nothing is to be forked from it.

    It is ended at the end of the block, unless a run has taken it over.
    """
    if detach or config["isolation"] != "fork":
        yield None
        return
    from dflow.executors.first import start_ahead
    from dflow.login_node import how_gently

    nice = how_gently().nice
    nice = nice if isinstance(nice, int) else 0  # to be refused with the other settings
    has_ops = "dflow.python.python_op_template" in sys.modules
    server = start_ahead(Path(next(iter(dflow.__path__))).absolute(), with_base=has_ops, nice=nice)
    try:
        yield server
    finally:
        if server is not None:
            server.close()


def load_first_op(server: Any, layout: RunLayout, graph: WorkflowGraph) -> None:
    """Have the server load the OP that a new run is bound to begin with."""
    from dflow.engine.model import DagTemplate, PythonOpTemplate, StepsTemplate

    templates = {template.name: template for template in graph.templates}
    calls: tuple[Call, ...] = ()
    match templates[graph.entrypoint]:
        case StepsTemplate(groups=groups) if groups:
            calls = groups[0]
        case DagTemplate(tasks=tasks):
            calls = tasks
    for call in calls:
        template = templates[call.template]
        if isinstance(template, PythonOpTemplate) and _is_sure(call) and _is_plain(template):
            server.load_op(str(layout.ops / f"{template.name}.json"), str(layout.lib))
            return


def _is_sure(call: Call) -> bool:
    """Whether it is made at the start of the run, whatever happens."""
    return call.when is None and not call.dependencies and call.isolation is None


def _is_plain(template: PythonOpTemplate) -> bool:
    """Whether its steps are forks of a server that has loaded the OP, and has nothing else of its own."""
    pod = template.pod
    special = template.memoize or template.isolation or template.pre_script or pod.command or pod.env
    return not special
