"""Elements of artifacts, as arguments name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.model import ArtifactFrom, LocalArtifact, StoredArtifact

if TYPE_CHECKING:
    from dflow.engine.model import ArtifactSource
    from dflow.exporters.argo.export.context import Context

__all__ = ["element_of"]


def element_of(name: str, source: ArtifactSource, context: Context) -> str | None:
    """The index or key of the element that is meant; None for all of the artifact."""
    element = source.element if isinstance(source, (ArtifactFrom, LocalArtifact, StoredArtifact)) else None
    if element and len(element) > 1:
        context.problems.append(f"artifact {name!r}: an element of an element cannot be exported")
    return element[0] if element else None
