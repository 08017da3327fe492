"""The artifact store of a run: what steps keep under keys, for artifacts that name the same keys.

It is a tree of links in the run directory; a key is a path in it. What several outputs keep under one key lies beside
each other. A step that is run again has the same directory, so its links lead to what it has made last.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dflow.engine.errors import ExpressionError, LeafError
from dflow.engine.state import writing

__all__ = ["Store", "stored_at"]


def stored_at(store: str, key: str) -> str:
    """Where a store has a key.

    Raises:
        ExpressionError: the key would lead out of the store, or is none.
    """
    parts = [part for part in key.split("/") if part not in ("", ".")]
    if key.startswith("/") or ".." in parts or "\0" in key or not parts:
        raise ExpressionError(f"{key!r} is no key of the artifact store: it must be a relative path without '..'")
    return "/".join((store, *parts))


class Store:
    """The store at ``root``. Only the engine of the run writes to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root.with_name(f"{root.name}.tmp")

    def keep(self, made: Path | None, key: str, *, again: Path | None = None) -> None:
        """Keep a file or a directory that a step has made under a key.

        Args:
            made: None when it has made none.
            again: the step's directory, when the step has run before: what it has not made this time is forgotten.

        Raises:
            ExpressionError: the key is none.
            LeafError: a directory would take the place of a file, or the other way round.
            StateError: the file system refuses.
        """
        place = Path(stored_at(str(self.root), key))
        with writing(place):
            if made is not None:
                self._make_folder(place, key)
                self._lay(made, place, key)
            if again is not None and place.is_dir():
                _forget(place, again)

    def place_for(self, key: str) -> Path:
        """Where something can be put that comes under a key from elsewhere; the directories above are made.

        Raises:
            ExpressionError: the key is none.
            LeafError: it lies below a file.
            StateError: the file system refuses.
        """
        place = Path(stored_at(str(self.root), key))
        with writing(place):
            self._make_folder(place, key)
        return place

    def _make_folder(self, place: Path, key: str) -> None:
        """Make the directories that a key lies in; a link to a directory becomes a directory of links."""
        self.root.mkdir(exist_ok=True)
        folder = self.root
        for part in place.relative_to(self.root).parts[:-1]:
            folder = folder / part
            if not folder.is_dir():
                if folder.exists():
                    raise LeafError(f"the key {key!r} lies below another key, which has a file")
                folder.unlink(missing_ok=True)
                folder.mkdir()
            elif folder.is_symlink():
                self._unfold(folder)

    def _lay(self, source: Path, place: Path, key: str) -> None:
        """Have ``place`` lead to ``source``; where there is a directory already, one by one what is in it."""
        goal = os.path.relpath(source, place.parent)
        if place.is_symlink() and str(place.readlink()) == goal:
            return
        if not place.exists():
            self._link(goal, place)
        elif source.is_dir() is not place.is_dir():
            raise LeafError(f"of two outputs with the key {key!r} one has a file where the other has a directory")
        elif not source.is_dir():
            self._link(goal, place)
        else:
            if place.is_symlink():
                self._unfold(place)
            for entry in sorted(source.iterdir()):
                self._lay(entry, place / entry.name, key)

    def _link(self, goal: str, place: Path) -> None:
        """Make a link, or replace one, in one step."""
        self._temporary.unlink(missing_ok=True)
        self._temporary.symlink_to(goal)
        self._temporary.replace(place)

    def _unfold(self, place: Path) -> None:
        """Turn a link to a directory into a directory of links. After a kill in between, the steps are kept again."""
        temporary = self._temporary.with_suffix(".dir")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        folder = place.parent / place.readlink()
        for entry in folder.iterdir():
            (temporary / entry.name).symlink_to(os.path.relpath(entry, place))
        place.unlink()
        temporary.rename(place)


def _forget(place: Path, step: Path) -> None:
    """Remove the links to what a step had made and has not any more."""
    for folder, folders, files in os.walk(place):
        for link in (Path(folder, name) for name in (*folders, *files)):
            if link.is_symlink() and not link.exists():
                goal = os.path.normpath(link.parent / link.readlink())
                if goal.startswith(f"{step}{os.sep}"):
                    link.unlink()
