"""Running a workflow in a test."""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Sequence, Tuple

from dflow.testing.current import copied, fresh_folder
from dflow.testing.results import RunResult, StepResult

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout

__all__ = ["UnexpectedPhase", "quiet_settings", "result_of", "run_workflow", "submit_quietly"]


class UnexpectedPhase(AssertionError):
    """A workflow has not ended in the phase that a test expects.

    Attributes:
        result: the run.
    """

    def __init__(self, text: str, result: RunResult) -> None:
        super().__init__(text)
        self.result = result


@contextlib.contextmanager
def quiet_settings(folder: Path) -> Iterator[None]:
    """Runs in a directory, on this machine, without display, raising and reporting to others; and all as it was."""
    from dflow.config import config

    before = copied(config)
    raises = os.environ.pop("DFLOW_RAISE", None)
    config.update(mode="debug", debug_workdir=str(folder), progress="none", detach=False, lineage=None, observers=[])
    try:
        yield
    finally:
        config.clear()
        config.update(before)
        if raises is not None:
            os.environ["DFLOW_RAISE"] = raises


def run_workflow(
    workflow: Any,
    *,
    expect: str | None = "Succeeded",
    replay: Sequence[str] = (),
    folder: Path | str | None = None,
    **submit: Any,
) -> RunResult:
    """Run a workflow in a directory of its own and wait for it.

    Args:
        expect: the phase that it must end in; None for any.
        replay: names or keys of steps whose outputs are recorded beside the test, and taken from there next time.
        folder: where its directory is made (default: one of the test's own).
        submit: arguments of :meth:`dflow.Workflow.submit`, such as ``reuse_step``.

    Raises:
        UnexpectedPhase: it ended in another phase; shows all steps, and what dflow printed.
        CompileError: it cannot run as it is.
    """
    __tracebackhide__ = True
    place = fresh_folder("runs") if folder is None else Path(folder)
    if replay:
        from dflow.testing.replaying import replaced

        with replaced(workflow, replay) as check:
            result = submit_quietly(workflow, place, **submit)
            check(result)
    else:
        result = submit_quietly(workflow, place, **submit)
    if expect is not None and result.phase != expect:
        raise UnexpectedPhase(_report(result, expect), result)
    return result


def submit_quietly(workflow: Any, place: Path, **submit: Any) -> RunResult:
    """Run it below a directory; what is printed is kept."""
    from dflow.engine.layout import RunLayout

    printed = io.StringIO()
    with quiet_settings(place), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        workflow.submit(detach=False, mode="debug", **submit)
        return result_of(RunLayout(Path(place, workflow.id)), printed.getvalue())


def result_of(layout: RunLayout, report: str) -> RunResult:
    from dflow.query import read_nodes, read_status, read_workflow

    run = read_workflow(layout)
    types = _types(layout)
    nodes = run.status.nodes
    steps = [StepResult(nodes[node.id], types.get(node.template, {})) for node in read_nodes(layout)]
    result = RunResult(layout.id, read_status(layout), layout.root, steps, report)
    result.declared, result.key_patterns = _declared(layout)
    outputs = run.global_outputs()
    if outputs is not None:
        from dflow.testing.artifacts import read_artifact

        result.outputs.update({name: parameter.value for name, parameter in outputs.parameters.items()})
        places = {name: Path(artifact["local_path"]) for name, artifact in outputs.artifacts.items()}
        result.outputs.update({name: read_artifact(place) for name, place in places.items()})
    return result


def _declared(layout: RunLayout) -> Tuple[List[str], List[str]]:
    """Names and fixed keys of the steps of a graph; and what its computed keys look like, as regular expressions."""
    from dflow.engine.model import Call, Literal, Text
    from dflow.engine.run_directory import load_graph

    names: List[str] = []
    patterns: List[str] = []

    def note(call: Call) -> None:
        names.append(call.name)
        if isinstance(call.key, Literal):
            names.append(call.key.text)
        elif call.key is not None:
            parts = (
                re.split(r"\{\{.*?\}\}", call.key.source, flags=re.DOTALL) if isinstance(call.key, Text) else ["", ""]
            )
            patterns.append(".*".join(map(re.escape, parts)))
        for hook in call.hooks:
            names.append(f"{call.name}.hooks.{hook.name}")
            note(hook.call)

    graph = load_graph(layout)
    for template in graph.templates:
        groups = getattr(template, "groups", None) or (getattr(template, "tasks", ()),)
        for call in (call for group in groups for call in group):
            note(call)
    for hook in graph.hooks:
        note(hook.call)
    return [*names, graph.name, graph.entrypoint, graph.on_exit or "onExit", layout.id], patterns


def _types(layout: RunLayout) -> Dict[str, Dict[str, str]]:
    """The declared types of artifacts, by template and ``side.name``."""
    from dflow.engine.run_directory import load_graph

    found: Dict[str, Dict[str, str]] = {}
    for template in load_graph(layout).templates:
        sides = (("inputs", template.inputs.artifacts), ("outputs", template.outputs.artifacts))
        found[template.name] = {f"{side}.{a.name}": str(a.type or "") for side, ports in sides for a in ports}
    return found


def _report(result: RunResult, expected: str) -> str:
    width = max((len(step.key or step.name) for step in result.steps), default=0)
    lines = [f"workflow {result.id} ended {result.phase}; expected was {expected}"]
    lines += [f"  {step.phase:<10} {step.key or step.name:<{width}}  {step.message}".rstrip() for step in result.steps]
    said = result.report.rstrip().splitlines()
    return "\n".join([*lines, "", *(line for line in said if not line.startswith("Workflow "))])
