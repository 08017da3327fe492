"""Having classes of the user's bring input artifacts, each in a process of its own before the program of its step."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from dflow.engine import codec
from dflow.engine.layout import RunLayout
from dflow.engine.ports import Job
from dflow.engine.process import STEP_VARIABLE, step_path
from dflow.engine.state import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import CustomArtifact, Template
    from dflow.engine.node import Node
    from dflow.engine.ports import Executor, Outcome
    from dflow.engine.settings import RunSettings

__all__ = ["Bringer"]

_DIGEST = 16
_PROGRAM = (
    "import sys; sys.path[0] = sys.argv.pop(1); "
    "from dflow.python.runtime.bring import main; sys.exit(main(sys.argv[1:]))"
)


class Bringer:
    """Brings the inputs of steps."""

    def __init__(self, settings: RunSettings, executor: Executor, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._executor = executor
        self._environment = environment

    async def bring(self, node: Node, template: Template, step: StepLayout, limit: float | None) -> Outcome | None:
        """Bring what a node gets, one after the other.

        Args:
            limit: seconds that each may take.

        Returns:
            How the first one ended that failed; None when all are there. The reason is in the step's error file.

        Raises:
            StateError: the file system refuses.
        """
        for artifact in template.inputs.artifacts:
            value = node.input_artifacts.get(artifact.name)
            if value is not None and value.custom is not None:
                words = (artifact.name, self._settings.copy_method, *(("optional",) if artifact.optional else ()))
                outcome = await self._executor.run(self._job(node, step, value.custom, words, limit))
                if outcome.exit_code != 0 or outcome.message is not None:
                    return outcome
        return None

    def _job(
        self, node: Node, step: StepLayout, custom: CustomArtifact, words: tuple[str, ...], limit: float | None
    ) -> Job:
        layout = RunLayout(step.root.parent)
        variables = {"PYTHONUNBUFFERED": "1", STEP_VARIABLE: step_path(step.root)}
        return Job(
            name=node.name,
            argv=(
                self._settings.python,
                "-c",
                _PROGRAM,
                str(layout.lib),
                str(self._spec(layout, custom)),
                step.text,
                *words,
            ),
            cwd=step.root,
            env={**self._environment, **variables},
            log=step.log,
            timeout=limit,
            grace=self._settings.kill_grace,
            step=step.root,
        )

    def _spec(self, layout: RunLayout, custom: CustomArtifact) -> Path:
        """The file that tells the step's side what to bring, beside those of the OPs: one for all steps."""
        data = {"op": codec.encode(custom.loader), "urn": custom.urn, "path": self._settings.module_path}
        text = json.dumps(data, sort_keys=True)
        file = layout.ops / f"_artifact-{hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]}.json"
        if not file.exists():
            write_text(file, text, mode=0o600)
        return file
