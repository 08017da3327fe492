"""What is known of an artifact before a workflow runs, as values for parameters."""

from __future__ import annotations

from typing import Any

from dflow.common import LocalArtifact, S3Artifact
from dflow.declared import InputArtifact, InputParameter, OutputArtifact
from dflow.engine.errors import WrongType

__all__ = ["path_list_of", "urn_of"]


def path_list_of(artifact: Any) -> InputParameter:
    """The elements of an input of a step, as a value.

    Raises:
        TypeError: they are not known yet.
    """
    from dflow.artifacts import catalog_of_artifact

    given = _given(artifact, "paths", "catalog_of_artifact(step.outputs.artifacts[NAME])")
    value = [] if given is None else catalog_of_artifact(given)
    return InputParameter(name=f"dflow_{artifact.name}_path_list", step=artifact.step, type=list, value=value)


def urn_of(artifact: Any) -> InputParameter:
    """The URN of an input of a step, as a value; an empty text where it has none.

    Raises:
        TypeError: it is not known yet.
    """
    given = _given(artifact, "URN", "step.outputs.artifacts[NAME].urn")
    urn = getattr(given, "urn", None) or ""
    return InputParameter(name=f"dflow_{artifact.name}_urn", step=artifact.step, type=str, value=urn)


def _given(artifact: Any, what: str, later: str) -> Any:
    """The upload or object that an artifact is; None where a step was given none."""
    given = artifact.source if isinstance(artifact, InputArtifact) else artifact
    if isinstance(given, OutputArtifact) or (artifact.step is None and given is None):
        raise WrongType(
            f"the {what} of {artifact} cannot be a parameter: what a step makes is known when it has run; "
            f"ask a workflow that has: {later}"
        )
    if given is None or isinstance(given, (LocalArtifact, S3Artifact)):
        return given
    raise WrongType(f"the {what} of {artifact} cannot be told of {type(given).__name__}; give an upload")
