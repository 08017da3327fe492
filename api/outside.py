"""Artifacts that lie outside of any store: a URL, or what a class of the user's knows how to get."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any

__all__ = ["CustomArtifact", "HTTPArtifact"]


class HTTPArtifact:
    """A file that is fetched from a URL by each step that gets it.

    Args:
        url: http or https; may hold references, as a parameter does.
    """

    def __init__(self, url: Any) -> None:
        self.url = url

    def download(self, path: Any = ".") -> str:
        """Fetch the file into the folder ``path``, under the last name in the URL; its path.

        Raises:
            LeafError: it cannot be fetched; nothing is left of it then.
        """
        from pathlib import Path
        from urllib.parse import unquote, urlsplit

        from dflow.engine.fetch import fetch_now

        url = str(self.url)
        name = os.path.basename(unquote(urlsplit(url).path).rstrip("/")) or "index.html"
        target = os.path.join(str(path), name)
        fetch_now(url, Path(target))
        return target

    def __repr__(self) -> str:
        return f"HTTPArtifact({str(self.url)!r})"


class CustomArtifact(ABC):
    """An artifact that a class of the user's gets. Subclass it and write ``get_urn``, ``from_urn`` and ``download``.

    What travels is the class, as OPs travel, and the text that ``get_urn`` gives. Each step that gets the artifact
    calls ``cls.from_urn(urn).download(name, path)`` in a process of its own before its program starts; what that
    prints is in the step's log, and what it raises is the step's error (a ``TransientError`` is tried again as that
    of an OP is).

    Attributes:
        redirect: another artifact, which is used in place of this one.
    """

    redirect: Any = None

    @abstractmethod
    def get_urn(self) -> str:
        """All that is needed to make the object again, as one text. It is seen in the run directory: no secrets."""

    @classmethod
    def from_urn(cls, urn: str) -> Any:
        """The object that gave this text."""
        raise NotImplementedError(f"{cls.__name__} needs a classmethod from_urn(cls, urn)")

    @abstractmethod
    def download(self, name: str, path: str) -> Any:
        """Put a file or a directory at ``path``, which does not exist.

        The working directory is an empty one that is removed afterwards.

        Args:
            name: of the input artifact.

        Returns:
            None; or where else it is, a path that is linked or, from the working directory, moved to ``path``.
        """

    def render(self, template: Any, name: str) -> Any:
        """The template of a step that gets this artifact in a manifest; local runs call ``download`` instead.

        Write it to say how a pod gets the artifact, since ``download`` is not called there: by a volume, an init
        container, a sidecar, a line before the script. Without it an export refuses the artifact.

        Args:
            template: a copy, with its concrete ``script``, of a Python OP too. Its program looks for the artifact at
                ``template.inputs.artifacts[name].path``; it is no input of the template that is run.
            name: of the input artifact.
        """
        return template
