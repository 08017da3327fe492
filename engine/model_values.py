"""The graph's values, and what its templates declare to take and give.

Import them from ``engine.model``.
"""

from __future__ import annotations

from typing import TypeAlias

from dflow.engine.model_payload import OpPayload  # noqa: TC002 - who asks for the types of fields gets it
from dflow.engine.records import record

__all__ = [
    "NO_INPUTS",
    "NO_OUTPUTS",
    "ArtifactFrom",
    "ArtifactList",
    "ArtifactSource",
    "CustomArtifact",
    "Expr",
    "HttpArtifact",
    "InputArtifact",
    "InputParameter",
    "Inputs",
    "Literal",
    "LocalArtifact",
    "OutputArtifact",
    "OutputParameter",
    "Outputs",
    "RawArtifact",
    "Ref",
    "StoredArtifact",
    "Text",
    "Value",
]


@record(frozen=True, slots=True)
class Literal:
    """A value known when the workflow is compiled; ``text`` is what the step receives, tags are not looked for."""

    text: str


@record(frozen=True, slots=True)
class Ref:
    """The value of one name, such as ``steps.train.outputs.parameters.loss`` (as ``{{path}}`` in a manifest)."""

    path: str


@record(frozen=True, slots=True)
class Expr:
    """The result of an expression (as ``{{=source}}`` in a manifest)."""

    source: str


@record(frozen=True, slots=True)
class Text:
    """A text with ``{{…}}`` tags inside."""

    source: str


Value: TypeAlias = Literal | Ref | Expr | Text


@record(frozen=True, slots=True)
class ArtifactFrom:
    """An artifact made by another step, or given to the enclosing template; ``value`` names or chooses it.

    Attributes:
        sub_path: the part of it that is meant.
        element: indices and keys that lead to the element of it that is meant, as in ``artifact[0]["a"]``.
    """

    value: Ref | Expr
    sub_path: str | None = None
    element: tuple[str, ...] | None = None


@record(frozen=True, slots=True)
class LocalArtifact:
    """Files in the local artifact store, by absolute path.

    Attributes:
        element: as in :class:`ArtifactFrom`.
        urn: what a catalogue calls it.
    """

    path: str
    sub_path: str | None = None
    element: tuple[str, ...] | None = None
    urn: str | None = None


@record(frozen=True, slots=True)
class ArtifactList:
    """Several artifacts as one.

    Attributes:
        members: pairs of a key and an artifact; in a list the keys are its indices.
        is_dict: they are a dict.
    """

    members: tuple[tuple[str, ArtifactSource], ...]
    is_dict: bool = False


@record(frozen=True, slots=True)
class RawArtifact:
    """One file, with this text in it."""

    data: Value


@record(frozen=True, slots=True)
class StoredArtifact:
    """What is under a key of the artifact store: put there by a step of this run, or before it.

    Attributes:
        sub_path, element: as in :class:`ArtifactFrom`.
        count: how many elements it has, where that is known; None where it is not.
        urn: what a catalogue calls it.
    """

    key: Value
    sub_path: str | None = None
    element: tuple[str, ...] | None = None
    count: int | None = None
    urn: str | None = None


@record(frozen=True, slots=True)
class HttpArtifact:
    """A file that is fetched from a URL."""

    url: Value


@record(frozen=True, slots=True)
class CustomArtifact:
    """What a class of the user's brings to each step that gets it.

    Attributes:
        loader: how the class is found.
        urn: the text that it makes its object from.
    """

    loader: OpPayload
    urn: str


ArtifactSource: TypeAlias = (
    ArtifactFrom | LocalArtifact | ArtifactList | RawArtifact | StoredArtifact | HttpArtifact | CustomArtifact
)


@record(frozen=True, slots=True)
class InputParameter:
    """A declared input parameter.

    Attributes:
        type: the type as text (``"int"``, ``"typing.List[str]"``); None means plain text.
        default: used when the caller gives no value; None means that the caller must.
        path: a file in the step that holds the text, for scripts.
        big: the value may be large and is kept out of lists and manifests.
        source: an artifact of one file, whose content is the value when the caller gives none.
    """

    name: str
    type: str | None = None
    default: Value | None = None
    path: str | None = None
    big: bool = False
    description: str | None = None
    source: ArtifactSource | None = None


@record(frozen=True, slots=True)
class InputArtifact:
    """A declared input artifact; ``path`` is where the program expects it."""

    name: str
    path: str | None = None
    optional: bool = False
    type: str | None = None
    source: ArtifactSource | None = None
    mode: int | None = None
    sub_path: str | None = None
    archive: str | None = "default"
    save_as_parameter: bool = False


@record(frozen=True, slots=True)
class OutputParameter:
    """A declared output parameter.

    Attributes:
        path: the file that the program writes (leaf templates).
        source: where the value comes from (Steps and DAG).
        default: used when the file is missing, the source cannot be resolved or the step is skipped.
        global_name: also a result of the whole workflow, under this name.
        supplied: given by who resumes a SuspendTemplate.
        query: where the object of a ResourceTemplate has it, such as ``jsonPath={.status.phase}``.
    """

    name: str
    type: str | None = None
    path: str | None = None
    source: Value | None = None
    default: Value | None = None
    global_name: str | None = None
    big: bool = False
    save_both: bool = False
    description: str | None = None
    supplied: bool = False
    query: str | None = None


@record(frozen=True, slots=True)
class OutputArtifact:
    """A declared output artifact, from a ``path`` of the program or from a ``source`` inside a group.

    Attributes:
        key: where the artifact store keeps it as well, for a :class:`StoredArtifact`; several may share one, and
            their files lie beside each other then.
    """

    name: str
    path: str | None = None
    source: ArtifactSource | None = None
    optional: bool = False
    type: str | None = None
    archive: str | None = "default"
    global_name: str | None = None
    save: str | None = None
    key: Value | None = None


@record(frozen=True, slots=True)
class Inputs:
    """What a template takes."""

    parameters: tuple[InputParameter, ...] = ()
    artifacts: tuple[InputArtifact, ...] = ()


@record(frozen=True, slots=True)
class Outputs:
    """What a template gives."""

    parameters: tuple[OutputParameter, ...] = ()
    artifacts: tuple[OutputArtifact, ...] = ()


NO_INPUTS = Inputs()
NO_OUTPUTS = Outputs()
