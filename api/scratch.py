"""A copy of a step's directory, in which its program can run once more without the run knowing of it.

It lies in ``.dflow/debug/<number>/<run>/<step>``, with a ``.dflow`` beside it that has what programs of steps look for:
so the step's own ``script`` works there as it is.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from dflow import query
from dflow.engine.artifact_values import ArtifactValue
from dflow.engine.layout import RunLayout, StepLayout
from dflow.engine.leaf import prepare
from dflow.engine.model import PythonOpTemplate, ScriptTemplate
from dflow.engine.names import leaf_names, workflow_names
from dflow.engine.node import Node
from dflow.engine.phase import Phase
from dflow.engine.retry import FIRST_ATTEMPT
from dflow.engine.state import read_text, write_json, write_text, writing

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.model import WorkflowGraph
    from dflow.engine.ports import Job
    from dflow.engine.settings import RunSettings
    from dflow.query import NodeRecord

__all__ = ["Scratch"]

_PRIVATE, _EXECUTABLE = 0o700, 0o755
_MOST_COPIED = 256 << 20
_SHARED = ("lib", "ops")


class Scratch:
    """A place for one step to run again.

    Attributes:
        template: what it runs; its inputs have no paths inside of artifacts any more, which are taken already.
        step: its directory.
        node: what the engine would know of it.
        linked: its input artifacts are those of the run.
    """

    linked = False

    def __init__(
        self,
        layout: RunLayout,
        found: NodeRecord,
        template: ScriptTemplate | PythonOpTemplate,
        settings: RunSettings,
    ) -> None:
        self._layout = layout
        self._settings = settings
        self._found = found
        self._source = StepLayout(found.place or layout.root)
        self.step = StepLayout(_new_place(layout) / self._source.root.name)
        with writing(self.step.root):
            self.step.root.mkdir(_PRIVATE)
        artifacts = tuple(replace(artifact, sub_path=None) for artifact in template.inputs.artifacts)
        inputs = replace(template.inputs, artifacts=artifacts)
        if isinstance(template, ScriptTemplate):
            self.template: ScriptTemplate | PythonOpTemplate = replace(template, inputs=inputs, result=False)
        else:
            self.template = replace(template, inputs=inputs)
        self.node = Node(
            found.id,
            found.name,
            found.display,
            "Pod",
            found.template,
            found.parent,
            key=found.key,
            place=self.step,
            retries=int(found.event.get("retries") or 0),
        )

    def place_inputs(self, method: str | None) -> None:
        """Take the inputs that the step had.

        Args:
            method: ``copy``, ``link``, or None for copies unless they are large.
        """
        values = query.load_values(self._layout, self._found, "inputs")
        self.node.inputs = {n: v["value"] for n, v in values["parameters"].items() if v["value"] is not None}
        folder = self._source.input_artifacts
        there = [a.name for a in self.template.inputs.artifacts if os.path.lexists(folder / a.name)]
        self.node.input_artifacts = {name: ArtifactValue(os.path.realpath(folder / name)) for name in there}
        if method is None:
            sizes = sum(_size(value.path) for value in self.node.input_artifacts.values())
            method = "copy" if sizes <= _MOST_COPIED else "link"
        self._settings = replace(self._settings, copy_method="copy" if method == "copy" else "symlink")
        self.linked = method != "copy" and bool(there)

    def job(self, graph: WorkflowGraph, *, together: bool) -> Job:
        """Write what the program needs; the program.

        Args:
            together: slices of a group may run side by side, as they did.

        Raises:
            LeafError: an input is gone.
        """
        names = {
            **workflow_names(graph, self._layout, self._settings.namespace),
            **FIRST_ATTEMPT,
            **leaf_names(self.node, self._layout),
        }
        write_text(self.step.type, "Pod")
        write_text(self.step.phase, Phase.RUNNING.value)  # runs that the step submits are its own
        if self._source.slices.exists():
            self._copy_slices(together)
        job = prepare(self.node, self.template, names, self._settings, dict(os.environ))
        if self._source.script.is_file():
            self.take_script(read_text(self._source.script))
        return job

    def _copy_slices(self, together: bool) -> None:
        spec = json.loads(read_text(self._source.slices))
        if not together and (spec["pool_size"] is not None or spec["pool_timeout"] is not None):
            spec = {**spec, "pool_size": 1, "pool_timeout": None}
        write_json(self.step.slices, spec)

    def take_script(self, text: str) -> None:
        """Run this script, such as the one that was run, with the paths of this place."""
        place = f"{re.escape(self._layout.id)}/{re.escape(self._source.root.name)}"
        path = re.compile(rf"""/(?:[^\s'"=:,;()]*/)?{place}(?![\w.-])""")
        write_text(self.step.script, path.sub(lambda _: str(self.step.root), text), mode=_EXECUTABLE)


def _new_place(layout: RunLayout) -> Path:
    """A directory like that of the run, with the next free number."""
    base = layout.private / "debug"
    with writing(base):
        base.mkdir(_PRIVATE, exist_ok=True)
        number = 1 + max((int(name) for name in os.listdir(base) if name.isdecimal()), default=0)
        while True:
            try:
                (base / str(number)).mkdir(_PRIVATE)
                break
            except FileExistsError:
                number += 1
        inside = RunLayout(base / str(number) / layout.id)
        inside.private.mkdir(_PRIVATE, parents=True)
        inside.root.chmod(_PRIVATE)
        for name in _SHARED:
            if (layout.private / name).exists():
                (inside.private / name).symlink_to(os.path.relpath(layout.private / name, inside.private))
    return inside.root


def _size(path: str) -> int:
    """How many bytes a copy of a file or a directory takes."""
    if not os.path.isdir(path):
        return os.stat(path).st_size if os.path.exists(path) else 0
    total = 0
    for folder, _, files in os.walk(path, followlinks=True):
        for name in files:
            place = os.path.join(folder, name)
            total += os.stat(place).st_size if os.path.exists(place) else 0
        if total > _MOST_COPIED:
            break
    return total
