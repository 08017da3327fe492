"""The program of a leaf step: its words and its script, with every tag and every declared path replaced."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from dflow.engine import expressions
from dflow.engine.layout import RunLayout
from dflow.engine.model import PythonOpTemplate
from dflow.engine.paths import declared_paths, placed, remap
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import ScriptTemplate
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["Program", "declared_places", "path_names", "python_program", "script_program"]

_SHELL = "sh"


@record(frozen=True, slots=True)
class Program:
    """The texts of a program with every tag and path replaced."""

    argv: tuple[str, ...]
    script: str
    runtime: tuple[str, ...] | None = None


def declared_places(template: ScriptTemplate | PythonOpTemplate, step: StepLayout) -> dict[str, str]:
    """Declared path → how the program must write it."""
    if isinstance(template, PythonOpTemplate):
        return {}
    paths = declared_paths(template.inputs, template.outputs)
    return {path: placed(step.declared(path), step.workdir) for path in paths}


def path_names(
    template: ScriptTemplate | PythonOpTemplate, places: Mapping[str, str], step: StepLayout
) -> dict[str, str]:
    """The names ``inputs.artifacts.X.path``, ``outputs.parameters.X.path`` … of a leaf (TG-12)."""
    names = {}
    for side, declared, artifacts in (
        ("inputs", template.inputs, step.input_artifacts),
        ("outputs", template.outputs, step.output_artifacts),
    ):
        for parameter in declared.parameters:
            if parameter.path in places:  # a name with .path hides the value of the parameter in expressions (LP-08)
                names[f"{side}.parameters.{parameter.name}.path"] = places[str(parameter.path)]
        for artifact in declared.artifacts:
            place = places.get(artifact.path or "") or str(artifacts / artifact.name)
            names[f"{side}.artifacts.{artifact.name}.path"] = place
    return names


def script_program(
    template: ScriptTemplate,
    places: Mapping[str, str],
    scope: Mapping[str, str | None],
    step: StepLayout,
    settings: RunSettings,
) -> Program:
    """The program of a shell or Python script or of a container."""

    def ready(text: str) -> str:
        return expressions.substitute(remap(text, places), scope, strict=("inputs",))

    command = tuple(ready(word) for word in template.pod.command)
    args = tuple(ready(word) for word in template.args)
    if template.script is None:
        line = " ".join(shlex.quote(word) for word in (*command, *args))
        return Program((*command, *args), f"#!/bin/sh\nexec {line}\n")
    command = command or ((settings.python,) if template.language == "python" else (_SHELL,))
    return Program((*command, str(step.script), *args), ready(template.script))


_DRIVER = '''\
#!{python}
"""Runs step {name} again in this directory; start it with: {run} FILE"""
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
private = os.path.join(os.path.dirname(here), ".dflow")
sys.path.insert(0, os.path.join(private, "lib"))
os.chdir(os.path.join(here, "workdir"))
{pre}from dflow.python.runtime import main  # noqa: E402

if __name__ == "__main__":  # multiprocessing may import this file again
    status = main([os.path.join(private, "ops", {op!r}), here{key}])
{post}
'''


def python_program(
    node: Node, template: PythonOpTemplate, scope: Mapping[str, str | None], step: StepLayout, settings: RunSettings
) -> Program:
    """The program of a Python OP: the runtime, and a script that starts it by hand."""
    ops = RunLayout(step.root.parent).ops
    command = template.pod.command or (settings.python,)
    command = tuple(expressions.substitute(word, scope) for word in command)
    op = f"{template.name}.json"
    script = _DRIVER.format(
        python=settings.python,
        name=node.display,
        run=shlex.join(command),
        op=op,
        key=f", {node.key!r}" if node.key else "",
        pre=_block(template.pre_script),
        post=f"{_block(template.post_script)}sys.exit(status)" if template.post_script else "    sys.exit(status)",
    )
    own = template.pre_script or template.post_script
    return Program(
        (*command, str(step.script)),
        script,
        None if own else (str(ops / op), str(step.root), *([node.key] if node.key else [])),
    )


def _block(text: str) -> str:
    return text.rstrip("\n") + "\n" if text else ""
