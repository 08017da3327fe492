"""Checking a graph before it runs: names, references, arguments, order."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dflow.compile.clashes import check_input_paths
from dflow.compile.known import workflow_name_problem
from dflow.compile.recursion import check_recursion
from dflow.compile.references import Name, call_mentions, mentioned
from dflow.compile.resources import check_resource
from dflow.engine import expressions
from dflow.engine.errors import ExpressionError
from dflow.engine.memo import is_memo_key
from dflow.engine.model import (
    DagTemplate,
    Expr,
    Literal,
    PythonOpTemplate,
    ResourceTemplate,
    ScriptTemplate,
    StepsTemplate,
)
from dflow.engine.near import near
from dflow.engine.paths import declared_paths
from dflow.names import check_key, check_label, check_step_name, check_template_name, check_workflow_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from dflow.compile.problems import Problems
    from dflow.engine.model import ArtifactSource, Call, Hook, Template, Value, WorkflowGraph

__all__ = ["check_graph"]

_OWN_NAMES = (("steps", "name"), ("tasks", "name"))
"""By which name the caller of a template calls it (TG-12)."""
_CALL_FIELDS = frozenset({"id", "status", "exitCode", "startedAt", "finishedAt"})


def check_graph(graph: WorkflowGraph, problems: Problems) -> None:
    """Add to ``problems`` everything that would go wrong, with its place."""
    _allowed(problems, check_workflow_name, graph.name)
    templates = {template.name: template for template in graph.templates}
    parameters = {name for name, _ in graph.parameters}
    for template in graph.templates:
        what = {StepsTemplate: "steps", DagTemplate: "dag"}.get(type(template), "template")
        with problems.at(f"{what} {template.name!r}"):
            _TemplateCheck(template, templates, parameters, problems, has_exit=graph.on_exit is not None).run()
    entry = templates[graph.entrypoint]
    with problems.at(f"workflow {graph.name!r}"):
        if graph.parallelism is not None and graph.parallelism < 1:
            problems.add(f"parallelism is {graph.parallelism}; nothing could ever run")
        check_recursion(templates, problems)
        for parameter in entry.inputs.parameters:
            if parameter.default is None and parameter.name not in parameters:
                problems.add(
                    f"its input parameter {parameter.name!r} has no value; give it with parameters= or a default"
                )


class _TemplateCheck:
    """The checks of one template."""

    def __init__(
        self,
        template: Template,
        templates: Mapping[str, Template],
        parameters: Collection[str],
        problems: Problems,
        *,
        has_exit: bool,
    ) -> None:
        self._template = template
        self._templates = templates
        self._parameters = parameters
        self._has_exit = has_exit
        self._problems = problems
        self._calls: dict[str, Call] = {}
        self._prefix = "tasks" if isinstance(template, DagTemplate) else "steps"

    def run(self) -> None:
        template, problems = self._template, self._problems
        _allowed(problems, check_template_name, template.name)
        self._ports()
        parallelism = getattr(template, "parallelism", None)
        if parallelism is not None and parallelism < 1:
            problems.add(f"parallelism is {parallelism}; nothing could ever run")
        self._memoize(template.memoize)
        match template:
            case StepsTemplate(groups=groups):
                self._names(call for group in groups for call in group)
                for group in groups:
                    for call in group:
                        self._call(call, "step")
                    self._calls.update({call.name: call for call in group})
                self._group_outputs()
            case DagTemplate(tasks=tasks):
                self._names(tasks)
                self._calls = {task.name: task for task in tasks}
                for task in tasks:
                    self._call(task, "task")
                self._order(tasks)
                self._group_outputs()
            case ScriptTemplate() | PythonOpTemplate():
                self._leaf(template)
            case ResourceTemplate():
                self._resource(template)

    def _ports(self) -> None:
        template = self._template
        for what, items in (
            ("input parameter", template.inputs.parameters),
            ("input artifact", template.inputs.artifacts),
            ("output parameter", template.outputs.parameters),
            ("output artifact", template.outputs.artifacts),
        ):
            for item in items:
                _allowed(self._problems, lambda name, what=what: check_label(name, what), item.name)  # type: ignore[misc]

    def _names(self, calls: Iterable[Call]) -> None:
        counted = Counter(call.name for call in calls)
        for name, count in counted.items():
            _allowed(self._problems, check_step_name, name)
            if count > 1:
                self._problems.add(
                    f"{count} of its {self._prefix} have the name {name!r}; each needs a name of its own"
                )

    # -- calls ---------------------------------------------------------------------------------------------

    def _call(self, call: Call, what: str) -> None:
        with self._problems.at(f"{what} {call.name!r}"):
            if isinstance(call.key, Literal):
                _allowed(self._problems, check_key, call.key.text)
            target = self._templates[call.template]
            if call.timeout is not None and isinstance(target, (StepsTemplate, DagTemplate)):
                self._problems.add("timeout= limits leaf steps; set it on the steps inside of " + repr(target.name))
            self._arguments(call, target)
            for hook in call.hooks:
                self._hook(hook, call, what)
            for place, value in call_mentions(call):
                with self._problems.at(place):
                    self._references(value, has_item=call.loop is not None and place != "loop")

    def _hook(self, hook: Hook, call: Call, what: str) -> None:
        """A hook may refer to the call that it belongs to, too."""
        known = self._calls
        self._calls = {**known, call.name: call}
        with self._problems.at(f"{hook.name} hook"):
            self._call(hook.call, what)
            if hook.expression is not None:
                self._references(Expr(hook.expression), has_status=True)
        self._calls = known

    def _arguments(self, call: Call, target: Template) -> None:
        given = {name for name, _ in call.parameters}
        declared = {p.name for p in target.inputs.parameters}
        for parameter in target.inputs.parameters:
            if parameter.name not in given and parameter.default is None and parameter.source is None:
                self._problems.add(
                    f"input parameter {parameter.name!r} of template {target.name!r} is not given and has no default"
                )
        for name in sorted(given - declared):
            self._problems.add(f"template {target.name!r} has no input parameter {name!r}{near(name, declared)}")
        sources = {name for name, _ in call.artifacts}
        known = {a.name for a in target.inputs.artifacts}
        for artifact in target.inputs.artifacts:
            if artifact.name not in sources and not artifact.optional and artifact.source is None:
                self._problems.add(
                    f"input artifact {artifact.name!r} of template {target.name!r} is not given and not optional"
                )
        for name in sorted(sources - known):
            self._problems.add(f"template {target.name!r} has no input artifact {name!r}{near(name, known)}")

    def _order(self, tasks: tuple[Call, ...]) -> None:
        """Dependencies exist, and there is no circle among them."""
        edges = []
        for task in tasks:
            for dependency in task.dependencies:
                if dependency in self._calls:
                    edges.append((dependency, task.name))
                else:
                    hint = near(dependency, self._calls)
                    self._problems.add(f"task {task.name!r} depends on {dependency!r}, which is no task of it{hint}")
        if not edges:
            return
        import networkx as nx

        try:
            circle = nx.find_cycle(nx.DiGraph(edges))
        except nx.NetworkXNoCycle:
            return
        path = " → ".join([circle[0][0], *(edge[1] for edge in circle)])
        self._problems.add(f"its tasks wait for each other in a circle: {path}")

    def _group_outputs(self) -> None:
        for parameter in self._template.outputs.parameters:
            with self._problems.at(f"output parameter {parameter.name!r}"):
                if parameter.source is None and parameter.default is None:
                    self._problems.add(
                        "it has no source; set value_from_parameter or value_from_expression, or a default"
                    )
                self._references(parameter.source)
        for artifact in self._template.outputs.artifacts:
            with self._problems.at(f"output artifact {artifact.name!r}"):
                if artifact.source is None and not artifact.optional:
                    self._problems.add("it has no source; set _from or from_expression")
                self._references(artifact.source)

    def _memoize(self, key: Value | None) -> None:
        """The key is known before anything inside of the template is."""
        with self._problems.at("memoize_key"):
            self._references(key)
            if isinstance(key, Literal) and not is_memo_key(key.text):
                self._problems.add(f"{key.text!r} must consist of letters, digits and '-', and not begin with '-'")

    # -- leaves --------------------------------------------------------------------------------------------

    def _leaf(self, template: ScriptTemplate | PythonOpTemplate) -> None:
        texts = [*template.pod.command, *(text for _, text in template.pod.env)]
        if isinstance(template, ScriptTemplate):
            texts += [template.script or "", *template.args]
            if template.language == "container" and not template.pod.command and not template.args:
                self._problems.add("it has neither a command nor args")
            for parameter in template.outputs.parameters:
                if parameter.path is None and parameter.default is None:
                    self._problems.add(
                        f"output parameter {parameter.name!r} has no value_from_path, so no program can give it"
                    )
            inputs, outputs = template.inputs.artifacts, template.outputs.artifacts
            for name in [a.name for a in inputs if a.path is None] + [a.name for a in outputs if a.path is None]:
                self._problems.add(f"artifact {name!r} has no path, so the program cannot find it")
            check_input_paths(template, self._problems)
            for path in declared_paths(template.inputs, template.outputs):
                if ".." in path.split("/"):
                    self._problems.add(f"the declared path {path!r} must not contain '..'")
        for text in texts:
            self._leaf_text(text)

    def _resource(self, template: ResourceTemplate) -> None:
        check_resource(template, self._problems)
        for text in (template.manifest, template.success_condition, template.failure_condition, *template.flags):
            self._leaf_text(text or "")

    def _leaf_text(self, text: str) -> None:
        try:
            names = expressions.parse_text(text).names()
        except ExpressionError as exc:
            self._problems.add(str(exc))
            return
        for name in sorted(names):
            if name[0] == "inputs":
                self._input(name)

    # -- references ----------------------------------------------------------------------------------------

    def _references(
        self, value: Value | ArtifactSource | None, *, has_item: bool = False, has_status: bool = False
    ) -> None:
        try:
            names = mentioned(value)
        except ExpressionError as exc:
            self._problems.add(str(exc))
            return
        for name in sorted(names):
            if name[0] == "inputs":
                self._input(name)
            elif name in _OWN_NAMES and name[1] not in self._calls:
                continue
            elif name[0] in ("steps", "tasks"):
                self._sibling(name)
            elif name == ("workflow", "status") and has_status:
                continue
            elif name[0] == "workflow":
                self._workflow(name, value)
            elif name[0] == "item" and not has_item:
                self._unknown(name, "it exists only in loops")

    def _input(self, name: Name) -> None:
        if name == ("inputs", "parameters"):  # all of them (TG-11)
            return
        if len(name) < 3 or name[1] not in ("parameters", "artifacts"):
            self._unknown(name, "name one of the inputs, as in inputs.parameters.NAME")
            return
        inputs = self._template.inputs
        known = [item.name for item in (inputs.parameters if name[1] == "parameters" else inputs.artifacts)]
        if name[2] not in known:
            what = f"template {self._template.name!r} has no input {name[1][:-1]} {name[2]!r}"
            self._unknown(name, f"{what}{near(name[2], known)}")

    def _sibling(self, name: Name) -> None:
        if name[0] != self._prefix or len(name) < 2:
            home = "Steps" if name[0] == "steps" else "DAG"
            self._problems.add(f"{'.'.join(name)} cannot be used here: {name[0]}.… belongs to a {home}")
            return
        call = self._calls.get(name[1])
        if call is None:
            self._unknown(name, self._why_not(name[1]))
            return
        if len(name) < 3:
            return
        if name[2] != "outputs":
            if name[2] not in _CALL_FIELDS:
                self._unknown(name, f"a {self._prefix[:-1]} has outputs, {', '.join(sorted(_CALL_FIELDS))}")
            return
        if call.loop is not None and name[3:] == ("parameters",):
            return
        if len(name) < 5 or name[3] not in ("parameters", "artifacts"):
            self._unknown(name, f"name one of its outputs, as in {'.'.join(name[:3])}.parameters.NAME")
        else:
            self._output(name, self._templates[call.template])

    def _output(self, name: Name, target: Template) -> None:
        outputs = target.outputs
        known = [item.name for item in (outputs.parameters if name[3] == "parameters" else outputs.artifacts)]
        if name[4] not in known:
            what = f"template {target.name!r} has no output {name[3][:-1]} {name[4]!r}"
            self._unknown(name, f"{what}{near(name[4], known)}")

    def _why_not(self, call: str) -> str:
        template = self._template
        if isinstance(template, StepsTemplate) and any(call == c.name for group in template.groups for c in group):
            return f"step {call!r} does not run before this one; add it earlier"
        known = list(self._calls)
        return f"{self._prefix[:-1]} {call!r} is not in {template.name!r}{near(call, known)}"

    def _workflow(self, name: Name, value: Value | ArtifactSource | None) -> None:
        is_tag = not isinstance(value, Expr) or "{{" in value.source
        problem = workflow_name_problem(name, self._parameters, is_tag=is_tag, has_exit=self._has_exit)
        if problem is not None:
            self._problems.add(problem)

    def _unknown(self, name: Name, why: str) -> None:
        self._problems.add(f"{'.'.join(name)} is not known: {why}")


def _allowed(problems: Problems, check: Callable[[str], str], name: str) -> None:
    try:
        check(name)
    except ValueError as exc:
        problems.add(str(exc))
