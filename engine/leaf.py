"""Leaf steps: making the directory in which a program runs, and judging how it ended."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.durations import seconds_of
from dflow.engine.errors import LeafError
from dflow.engine.layout import SCRIPT, WORKDIR
from dflow.engine.leaf_inputs import make_output_parents, write_inputs
from dflow.engine.leaf_outputs import collect
from dflow.engine.leaf_program import declared_places, path_names, python_program, script_program
from dflow.engine.model import HttpTemplate, PythonOpTemplate, ResourceTemplate, ScriptTemplate
from dflow.engine.paths import declared_paths, remap
from dflow.engine.phase import Phase
from dflow.engine.ports import Job, Outcome
from dflow.engine.process import STEP_VARIABLE, step_path
from dflow.engine.results import capturing
from dflow.engine.scope import resolve
from dflow.engine.state import make_directory, write_new

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import StepLayout
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["LeafTemplate", "ProgramTemplate", "collect", "judge", "prepare", "time_limit"]

ProgramTemplate = ScriptTemplate | PythonOpTemplate
LeafTemplate = ProgramTemplate | HttpTemplate | ResourceTemplate
_EXECUTABLE = 0o755
_PROGRESS = "ARGO_PROGRESS_FILE"
"""The variable with the file in which a program says how far it is (PR-01)."""
_STACKED = "DFLOW_STACKED"
"""Tells the runtime that outputs become elements of lists."""


def prepare(
    node: Node,
    template: ProgramTemplate,
    values: Mapping[str, str | None],
    settings: RunSettings,
    environment: Mapping[str, str],
    *,
    own_programs: bool = False,
) -> Job:
    """Write all that the program of ``node`` needs into its directory.

    Args:
        values: names of the leaf's scope, without the paths of its own inputs and outputs.
        environment: what all programs of the run get.
        own_programs: as in ``Capabilities``.

    Raises:
        LeafError: an input artifact is missing, a tag cannot be resolved.
        StateError: the file system refuses.
    """
    step = _place_of(node)
    workdir = step.file(WORKDIR)
    make_directory(workdir)
    write_inputs(node, template, step, settings)
    known = declared_places(template, step)
    scope = {**values, **path_names(template, known, step)}
    if isinstance(template, PythonOpTemplate):
        program = python_program(node, template, scope, step, settings)
    else:
        make_output_parents(template, step)
        program = script_program(template, known, scope, step, settings)
    write_new(step.file(SCRIPT), program.script, mode=_EXECUTABLE)
    if template.pod.progress is not None:
        write_new(str(step.progress), template.pod.progress)
    env = {name: expressions.substitute(remap(text, known), scope) for name, text in template.pod.env}
    if isinstance(template, ScriptTemplate):
        env.setdefault(_PROGRESS, str(step.progress))
    own = {"PYTHONUNBUFFERED": "1", "TMPDIR": workdir, **env, STEP_VARIABLE: step_path(step.root)}
    if node.call and node.call.loop and node.call.loop.slices:
        own[_STACKED] = "1"
    env = {**environment, **own}
    if template.pod.secret_env:
        own.update({name: env[name] for name, _, _ in template.pod.secret_env if name in env})
    captures = isinstance(template, ScriptTemplate) and template.result
    return Job(
        name=node.name,
        argv=capturing(program.argv, step, None if own_programs else env) if captures else program.argv,
        cwd=step.workdir,
        env=env,
        step=step.root,
        log=step.log,
        timeout=time_limit(node, template, scope),
        grace=settings.kill_grace,
        runtime=program.runtime,
        isolation=_isolation(node, template),
        image=template.pod.image,
        own_env=own,
        outputs=_declared_outputs(template, step),
        resources=_resources(template.pod.kubernetes) if template.pod.kubernetes else {},
    )


def _declared_outputs(template: ProgramTemplate, step: StepLayout) -> tuple[str, ...]:
    if isinstance(template, PythonOpTemplate):
        return ()
    return tuple(os.path.relpath(step.declared(path), step.root) for path in declared_paths(template.outputs))


def time_limit(node: Node, template: LeafTemplate, values: Mapping[str, str | None]) -> float | None:
    """The seconds that a leaf has, as its call or else its template says.

    Raises:
        LeafError: it is no time.
    """
    limit = node.call.timeout if node.call and node.call.timeout is not None else template.pod.timeout
    return None if limit is None else _seconds(resolve(limit, values), node)


def judge(node: Node, outcome: Outcome, limit: float | None) -> tuple[Phase, str]:
    """The phase and the message that an outcome means, before outputs are looked at (PH-03, TM-01)."""
    step = node.place
    if outcome.message is not None:
        return Phase.ERROR, outcome.message
    if outcome.timed_out:
        return Phase.FAILED, f"it was ended after its time limit of {limit:g} s"
    if outcome.exit_code == 0:
        return Phase.SUCCEEDED, ""
    reported = _reported_error(step) if step else None
    return Phase.FAILED, reported or f"exit code {outcome.exit_code}{_meaning(outcome.exit_code, outcome.hint)}"


def _place_of(node: Node) -> StepLayout:
    if node.place is None:
        raise LeafError(f"node {node.name} has no directory")
    return node.place


def _isolation(node: Node, template: ProgramTemplate) -> str | None:
    """What the step says of how it is run, else what its template says; None leaves it to the run."""
    if not isinstance(template, PythonOpTemplate):
        return None
    return node.call.isolation or template.isolation if node.call else template.isolation


def _resources(kubernetes: str) -> dict[str, dict[str, str]]:
    given = json.loads(kubernetes)
    return {name: given[name] for name in ("requests", "limits") if isinstance(given.get(name), dict)}


def _seconds(text: str | None, node: Node) -> float:
    seconds = seconds_of(text or "")
    if not seconds:
        raise LeafError(f"the timeout of {node.display!r} is {text!r}; it must be a positive number of seconds")
    return seconds


def _reported_error(step: StepLayout) -> str | None:
    """What the runtime said of a failed OP, or of an input that a class of the user's could not bring."""
    try:
        data = json.loads(step.error.read_text(errors="replace"))
    except (OSError, ValueError):
        return None
    message = data.get("message") if isinstance(data, dict) else None
    return str(message) if message else None


def _meaning(code: int, hint: str | None) -> str:
    known = {
        126: "the program cannot be executed",
        127: "no such command",
        130: "interrupted",
        137: "killed, probably out of memory",
        139: "segmentation fault",
        143: "terminated",
    }
    meaning = hint or known.get(code)
    return f" ({meaning})" if meaning else ""
