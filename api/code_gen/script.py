"""The whole script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dflow.code_gen.calls import CallWriter
from dflow.code_gen.layout import assign, call, literal, quote
from dflow.code_gen.names import Names, identifier
from dflow.code_gen.ops import Ops
from dflow.code_gen.refuse import refuse_what_cannot_be_written
from dflow.code_gen.templates import TemplateWriter
from dflow.code_gen.values import Values
from dflow.engine.model import DagTemplate, StepsTemplate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.engine.model import Call, Template, WorkflowGraph

__all__ = ["write_script"]


def write_script(graph: WorkflowGraph) -> str:
    """The text of a script whose workflow compiles to the graph.

    Raises:
        UnsupportedError: the API cannot say what the graph says.
    """
    refuse_what_cannot_be_written(graph)
    return _Writer(graph).text()


class _Writer:
    """One script."""

    def __init__(self, graph: WorkflowGraph) -> None:
        self._graph = graph
        self._names = Names()
        values = Values(self._names)
        self._ops = Ops(self._names)
        self._templates = {template.name: template for template in graph.templates}
        self._groups = [t for t in graph.templates if isinstance(t, StepsTemplate | DagTemplate)]
        self._leaves = [t for t in graph.templates if not isinstance(t, StepsTemplate | DagTemplate)]
        for template in self._leaves:  # names of OPs are given; those of variables are not
            if hasattr(template, "op"):
                self._ops.expression(template.op)
        steps = {identifier(call_.name) for template in self._groups for call_ in _calls(template)}
        variables = {
            name: self._names.variable(f"{name}_template" if identifier(name) in steps else name)
            for name in self._templates
        }
        self._variables = variables
        self._writer = TemplateWriter(self._names, values, self._ops)
        self._calls = CallWriter(self._names, values, self._templates, variables)

    def text(self) -> str:
        """The script."""
        leaves = ["\n".join(self._writer.leaf(template, self._variables[template.name])) for template in self._leaves]
        groups = ["\n".join(block) for block in self._blocks()]
        workflow = self._workflow()
        submit = 'if __name__ == "__main__":\n    wf.submit()'
        head = [f'"""The workflow {self._graph.name}, as dflow.gen_code wrote it."""', *self._names.imports()]
        body = [*leaves, *groups, workflow, submit]
        if not self._ops.definitions:
            return "\n\n".join([*head, *body]) + "\n"
        return "\n\n\n".join(["\n\n".join(head), *self._ops.definitions, "\n\n".join(body)]) + "\n"

    def _workflow(self) -> str:
        graph = self._graph
        entry = self._templates[graph.entrypoint]
        named = [
            ("dag" if isinstance(entry, DagTemplate) else "steps", self._variables[entry.name]),
            ("parameters", literal(dict(graph.parameters)) if graph.parameters else None),
            ("parallelism", None if graph.parallelism is None else repr(graph.parallelism)),
            ("labels", literal(dict(graph.labels)) if graph.labels else None),
            ("annotations", literal(dict(graph.annotations)) if graph.annotations else None),
            *((name, literal(value)) for name, value in json.loads(graph.kubernetes or "{}").items()),
            ("on_exit", None if graph.on_exit is None else self._variables[graph.on_exit]),
        ]
        return assign("wf", call(self._names.ours("Workflow"), quote(graph.name), named=named))

    def _blocks(self) -> Iterator[list[str]]:
        """The statements of each Steps and DAG, after those that it calls."""
        for together in self._in_order():
            heads = {t.name: list(self._writer.group(t, self._variables[t.name])) for t in together}
            if len(together) > 1:  # they call each other, so all must be there first
                yield [line for lines in heads.values() for line in lines]
            for template in together:
                body = list(self._calls.body(template))
                yield [*(heads[template.name] if len(together) == 1 else []), *body]

    def _in_order(self) -> list[list[StepsTemplate | DagTemplate]]:
        """Callees first; those that call each other are in one list."""
        if len(self._groups) == 1:
            return [self._groups]
        import networkx as nx

        groups = {template.name: template for template in self._groups}
        calls = nx.DiGraph()
        calls.add_nodes_from(groups)
        calls.add_edges_from((c.template, t.name) for t in self._groups for c in _calls(t) if c.template in groups)
        whole = nx.condensation(calls)
        order = nx.lexicographical_topological_sort(whole, key=lambda number: min(whole.nodes[number]["members"]))
        return [[groups[name] for name in sorted(whole.nodes[number]["members"])] for number in order]


def _calls(template: Template) -> Iterator[Call]:
    if isinstance(template, StepsTemplate):
        calls = [call_ for group in template.groups for call_ in group]
    else:
        calls = list(template.tasks) if isinstance(template, DagTemplate) else []
    for call_ in calls:
        yield call_
        yield from (hook.call for hook in call_.hooks)
