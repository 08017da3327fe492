"""What jobs on another machine have made, taken from one stream and put into the directories of their steps.

The other machine is not trusted with files here: nothing is written but in the directories of these steps, and no link
is followed while writing.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tarfile
from typing import IO, TYPE_CHECKING

from dflow.engine.errors import LeafError
from dflow.executors.batch.parcels import OBJECTS
from dflow.executors.batch.places import ENVIRONMENT, EXIT, INTENT, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Returns"]

_STAGE = ".returned"
_WORKDIR = "workdir"
_OURS = frozenset((INTENT, SCRIPT, ENVIRONMENT, ".asked", ".step", "phase", "type", "inputs", "script", _STAGE))


class Returns:
    """Takes what comes back from one run's directory on another machine.

    Args:
        base: that directory.
        steps: the directories of steps here, by their names there.
        sources: what objects are here, by their names there.

    """

    def __init__(self, base: str, steps: Mapping[str, Path], sources: Mapping[str, str]) -> None:
        self._base = base
        self._steps = steps
        self._sources = sources
        self._links: set[str] = set()
        self._outside: list[str] = []
        self._inside: dict[str, str] = {}
        self._begun = self._followed = False

    def outside(self) -> list[str]:
        """The links that lead to what is only there, and whose contents are wanted: what comes next replaces them."""
        names, self._outside = self._outside, []
        self._followed = True
        self._links.difference_update(names)
        for name in names:
            tag, _, rest = name.partition("/")
            (self._stage(tag) / rest).unlink(missing_ok=True)
        return names

    def missing(self) -> list[str]:
        """What links in a step lead to, in the same step, that has not come."""
        wanted = {to for to in self._inside.values() if not to.partition("/")[2].startswith("inputs/")}
        self._inside.clear()
        return sorted(
            to for to in wanted if not os.path.lexists(self._stage(to.partition("/")[0]) / to.partition("/")[2])
        )

    def take(self, stream: IO[bytes]) -> None:
        """Take a stream of ``tar`` into a directory beside what it is for.

        Raises:
            LeafError: it would lead outside.
            tarfile.TarError: it is no such stream, or ends too early.
            OSError: it cannot be written.
        """
        if not self._begun:  # something may be there of one that was broken off
            for tag in self._steps:
                _remove(self._stage(tag))
        self._begun = True
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                self._take(tar, member)

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name)
        tag, _, rest = name.partition("/")
        if tag not in self._steps or not rest or name.startswith(("/", "../")):
            raise LeafError(f"{member.name!r} is none of the files that were asked for")
        if any(parent in self._links for parent in _parents(name)):
            raise LeafError(f"{member.name!r} would be written through a link")
        target = self._stage(tag) / rest
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if member.issym() and not self._followed:
            self._take_link(name, target, member.linkname)
        elif member.isfile() and (source := tar.extractfile(member)) is not None:
            with target.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            os.chmod(target, (member.mode & 0o777) | 0o600)
            os.utime(target, (member.mtime, member.mtime))

    def _take_link(self, name: str, target: Path, text: str) -> None:
        """A link: into its own step, to what was sent from here, or to something that is only there."""
        tag, _, rest = name.partition("/")
        to = posixpath.normpath(posixpath.join(self._base, posixpath.dirname(name), text))
        own, objects = f"{self._base}/{tag}/", f"{self._base}/{OBJECTS}/"
        self._links.add(name)
        if to.startswith(own):
            self._inside[name] = to[len(self._base) + 1 :]
            os.symlink(posixpath.relpath(to[len(own) :], posixpath.dirname(rest) or "."), target)
            return
        if to.startswith(objects):
            digest, base, *inside = to[len(objects) :].split("/", 2)
            source = self._sources.get(f"{digest}/{base}")
            if source is not None:
                place = (self._steps[tag] / rest).parent
                os.symlink(os.path.relpath(os.path.join(source, *inside), os.path.realpath(place)), target)
                return
        os.symlink(text, target)
        self._outside.append(name)

    def install(self) -> dict[Path, LeafError]:
        """Put all in its place, how the job ended last; what went wrong, by step."""
        failed: dict[Path, LeafError] = {}
        for tag, step in self._steps.items():
            try:
                self._install(tag, step)
            except (OSError, LeafError) as exc:  # noqa: PERF203 - each for itself
                failed[step] = LeafError(f"cannot put what was brought back into {step}: {exc}")
        return failed

    def _install(self, tag: str, step: Path) -> None:
        stage = self._stage(tag)
        if not stage.is_dir():
            raise LeafError("its directory is not there any more")
        made = stage / _WORKDIR
        if made.is_symlink():
            made.unlink()
        if made.is_dir():
            for name in _files(str(made)):
                _move(made / name, step, f"{_WORKDIR}/{name}")
            shutil.rmtree(made)
        names = sorted(os.listdir(stage), key=lambda name: name == EXIT)
        for name in names:
            if name in _OURS:
                continue
            _remove(step / name)
            os.rename(stage / name, step / name)
        shutil.rmtree(stage)

    def _stage(self, tag: str) -> Path:
        return self._steps[tag] / _STAGE


def _parents(name: str) -> Iterator[str]:
    at = posixpath.dirname(name)
    while at:
        yield at
        at = posixpath.dirname(at)


def _files(root: str) -> Iterator[str]:
    """All that is no directory, and empty directories, relative to ``root``."""
    for folder, folders, files in os.walk(root):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        inside = os.path.relpath(folder, root)
        if not folders and not files and inside != ".":
            yield inside
        for name in (*links, *files):
            yield os.path.normpath(os.path.join(inside, name))


def _move(source: Path, root: Path, rest: str) -> None:
    """Move a file to its place below ``root``, through directories only."""
    at = root
    for part in rest.split("/")[:-1]:
        at = at / part
        if at.is_symlink() or (at.exists() and not at.is_dir()):
            at.unlink()
        at.mkdir(exist_ok=True)
    target = root / rest
    if target.is_dir() and not target.is_symlink() and source.is_dir() and not source.is_symlink():
        return
    _remove(target)
    os.rename(source, target)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
