"""From a graph to a Python script that builds the same workflow."""

from __future__ import annotations

from typing import Any

__all__ = ["gen_code"]


def gen_code(graph: Any) -> str:
    """A script in the API of dflow whose workflow compiles to this graph; run as a program, it submits it.

    An OP stands in it as an import, or as its source; where the graph has neither, as its pickle.

    Args:
        graph: what ``wf.to_graph()`` returned, an ``engine.model.WorkflowGraph``, or the workflow itself.

    Raises:
        UnsupportedError: the API cannot say what the graph says; lists all that it cannot.
        CompileError: the workflow cannot run as it is.
    """
    import json

    from dflow.code_gen.script import write_script
    from dflow.compile import compile_workflow
    from dflow.engine import codec
    from dflow.engine.model import WorkflowGraph
    from dflow.names import by_name
    from dflow.workflow import Workflow

    if isinstance(graph, Workflow):
        return write_script(compile_workflow(graph))
    return write_script(
        graph
        if isinstance(graph, WorkflowGraph)
        else codec.loads(json.dumps(by_name(graph, "gen_code: the graph"), default=str))
    )
