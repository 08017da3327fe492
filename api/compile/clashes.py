"""Files that would take each other's place: it is said before anything runs, where it is certain then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.op_template import ScriptOPTemplate
from dflow.python.python_op_template import PythonOPTemplate

if TYPE_CHECKING:
    from dflow.compile.problems import Problems
    from dflow.engine.model import ScriptTemplate
    from dflow.step import Step

__all__ = ["check_input_paths", "check_stacked_files"]


def check_stacked_files(step: Step, slices: Any, problems: Problems) -> None:
    """Whether what the slices of a script give can stand side by side: all give it under the name of the artifact.

    Python OPs choose the names of their files, so of these it is seen when the second slice ends.
    """
    template = step.template
    is_script = isinstance(template, ScriptOPTemplate) and not isinstance(template, PythonOPTemplate)
    if not is_script or slices.create_dir or slices.group_size is not None or not _several_succeed(step, slices):
        return
    for name in slices.output_artifact:
        artifact = template.outputs.artifacts.data.get(name)
        if artifact is not None and not artifact.optional:
            problems.add(
                f"output_artifact: each slice gives {name!r} under the same name, so one would take the place of the "
                "other; set create_dir=True in Slices, which gives each a directory of its own"
            )


def _several_succeed(step: Step, slices: Any) -> bool:
    """Whether there are two slices or more, which all have to succeed."""
    may_fail = step.continue_on_num_success is not None or step.continue_on_success_ratio is not None
    if may_fail or step.when is not None or step.with_sequence is not None:
        return False
    sliced = next(map(step.parameters.get, slices.input_parameter), ())
    given = sliced if step.with_param is None else step.with_param
    return isinstance(given, (list, tuple, range, dict)) and len(given) > 1


def check_input_paths(template: ScriptTemplate, problems: Problems) -> None:
    """Whether each artifact that the program is given has a place of its own."""
    owners: dict[str, str] = {}
    for artifact in template.inputs.artifacts:
        if artifact.path is None or artifact.optional:
            continue
        first = owners.setdefault(artifact.path, artifact.name)
        if first != artifact.name:
            problems.add(
                f"the input artifacts {first!r} and {artifact.name!r} have the same path {artifact.path!r}, where the "
                "program could find only one of them; give them different paths"
            )
