"""Artifacts that exist while a workflow runs: where they are, and which part or elements of them are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.records import record

if TYPE_CHECKING:
    from dflow.engine.model import CustomArtifact

__all__ = ["ArtifactValue", "Part"]


@record(frozen=True, slots=True)
class Part:
    """One file or directory of an artifact that is a list or a dict.

    Attributes:
        order: its index, its key, or both where lists and dicts are nested (``"a.0.b"``).
        root: the artifact that it lies in.
        place: its path in there; None for an element that is missing.
    """

    order: int | str
    root: str
    place: str | None


@record(frozen=True, slots=True)
class ArtifactValue:
    """An artifact that exists: an absolute path, and the part of it that is meant.

    Attributes:
        element: it is an element of a list: a step gets it under its own file name.
        parts: the elements that are meant, of this artifact or of several; None for all that is there.
        raw: it is nowhere yet: each step that gets it has a file of its own with this text.
        url: it is nowhere yet: each step that gets it fetches it from here.
        custom: it is nowhere yet: a class of the user's brings it to each step that gets it.
        key: it is, or is to be brought, where the run's artifact store has this key.
    """

    path: str
    sub_path: str | None = None
    element: bool = False
    parts: tuple[Part, ...] | None = None
    raw: str | None = None
    url: str | None = None
    key: str | None = None
    custom: CustomArtifact | None = None

    def within(self, sub_path: str | None) -> ArtifactValue:
        """The part ``sub_path`` of this artifact."""
        if not sub_path:
            return self
        for part in self.parts or ():
            if part.place is not None and f"{sub_path}/".startswith(f"{part.place}/"):
                return ArtifactValue(part.root, sub_path)
        inside = f"{self.sub_path}/{sub_path}" if self.sub_path else sub_path
        return ArtifactValue(self.path, inside, key=self.key)

    @property
    def is_nowhere(self) -> bool:
        """Whether it is made only where a step gets it."""
        return self.raw is not None or self.url is not None or self.custom is not None

    @property
    def location(self) -> str:
        """Where it is; empty when it is nowhere yet."""
        return f"{self.path}/{self.sub_path}" if self.sub_path else self.path
