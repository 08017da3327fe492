"""Artifacts that exist while a workflow runs: where they are, and which part or elements of them are meant."""

from __future__ import annotations

from dflow.engine.records import record

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
    """

    path: str
    sub_path: str | None = None
    element: bool = False
    parts: tuple[Part, ...] | None = None
    raw: str | None = None
    url: str | None = None

    def within(self, sub_path: str | None) -> ArtifactValue:
        """The part ``sub_path`` of this artifact."""
        if not sub_path:
            return self
        for part in self.parts or ():
            if part.place is not None and f"{sub_path}/".startswith(f"{part.place}/"):
                return ArtifactValue(part.root, sub_path)
        return ArtifactValue(self.path, f"{self.sub_path}/{sub_path}" if self.sub_path else sub_path)

    @property
    def is_nowhere(self) -> bool:
        """Whether it is made only where a step gets it."""
        return self.raw is not None or self.url is not None

    @property
    def location(self) -> str:
        """Where it is; empty when it is nowhere yet."""
        return f"{self.path}/{self.sub_path}" if self.sub_path else self.path
