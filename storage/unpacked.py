"""What is unpacked from an archive: each member is checked before it is written, each link before it counts."""

from __future__ import annotations

import os
import stat
from collections import deque
from typing import TYPE_CHECKING

from dflow.engine.errors import StateError, UnsafeArtifact
from dflow.engine.state import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Tree"]

_MANY_LINKS = 40


class Tree:
    """What has been unpacked, in a directory where nobody else writes."""

    def __init__(self, archive: Path, root: Path, *, times: bool) -> None:
        self._archive = archive
        self._root = root
        self._times = times
        self._links: dict[str, tuple[str, str]] = {}
        self._stamps: list[tuple[str, int]] = []
        with writing(root):
            root.mkdir()

    def refuse(self, member: str, why: str) -> UnsafeArtifact:
        """What to raise about a member."""
        return UnsafeArtifact(f"{self._archive} is not unpacked: its member {member!r} {why}")

    def folder(self, member: str, when: int = 0) -> None:
        """Make a directory; one that is there already will do."""
        place = self._place(member)
        if place:
            self._make(place, member)
            if self._times:
                self._stamps.append((place, when))

    def file(self, member: str, content: Iterator[bytes], mode: int, when: int = 0) -> None:
        """Write a file; a later member of a name takes the place of an earlier one."""
        self._check_mode(member, mode)
        place = self._free_place(member)
        path = self._root / place
        with writing(path):
            path.unlink(missing_ok=True)  # another name of it keeps what it has
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            file = os.open(path, flags, 0o755 if mode & stat.S_IXUSR else 0o644)
        with open(file, "wb", buffering=0) as stream:  # noqa: PTH123 - a descriptor
            for data in content:
                with writing(path):
                    stream.write(data)
            if self._times:
                os.utime(file, ns=(when, when))

    def link(self, member: str, goal: str) -> None:
        """Remember a symbolic link; all are made when nothing can be written through them any more."""
        if goal.startswith("/"):
            raise self.refuse(member, f"is a link to {goal!r}, an absolute path")
        if not goal or "\0" in goal:
            raise self.refuse(member, f"is a link to {goal!r}")
        place = self._free_place(member)
        if os.path.lexists(self._root / place):
            raise self.refuse(member, "is a link in the place of an earlier member")
        self._links[place] = (member, goal)

    def same(self, member: str, goal: str) -> None:
        """Give an earlier file of the archive another name, as a hard link."""
        place, earlier = self._free_place(member), self._place(goal, of=member)
        source, path = self._root / earlier, self._root / place
        if not earlier or not source.is_file() or source.is_symlink():
            raise self.refuse(member, f"is a hard link to {goal!r}, which is no earlier file of the archive")
        if os.path.lexists(path):
            raise self.refuse(member, "is a link in the place of an earlier member")
        with writing(path):
            os.link(source, path)

    def finish(self, *, as_is: bool) -> Path:
        """Make the links, and check where they lead; what shall become the target."""
        tops = {place.partition("/")[0] for place in self._links} | {entry.name for entry in self._root.iterdir()}
        top = self._root if as_is or len(tops) != 1 else self._root / tops.pop()
        for place, (_, goal) in self._links.items():
            with writing(self._root / place):
                os.symlink(goal, self._root / place)  # noqa: PTH211 - the text as it is
        for place, (member, goal) in self._links.items():
            link = self._root / place
            why = "leads out of the archive" if link == top else _escape(str(top), str(link.relative_to(top)))
            if why:
                raise self.refuse(member, f"is a link to {goal!r}, which {why}")
        for place, when in reversed(self._stamps):
            os.utime(self._root / place, ns=(when, when))
        return top

    def _check_mode(self, member: str, mode: int) -> None:
        if mode & (stat.S_ISUID | stat.S_ISGID):
            raise self.refuse(member, "would run with the rights of another user or group (setuid or setgid)")

    def _free_place(self, member: str) -> str:
        """The place of a file or link, with the directories above it made."""
        place = self._place(member)
        if not place or (self._root / place).is_dir():
            raise self.refuse(member, "is a file or link in the place of a directory")
        if "/" in place:
            self._make(place.rpartition("/")[0], member)
        return place

    def _place(self, name: str, of: str | None = None) -> str:
        """A member's place below the root; empty for the root."""
        member = name if of is None else of
        if "\0" in name:
            raise self.refuse(member, "has a name with a NUL character")
        if name.startswith("/"):
            raise self.refuse(member, "has an absolute path" if of is None else f"is a hard link to {name!r}")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.refuse(member, "has '..' in its path" if of is None else f"is a hard link to {name!r}")
        here = ""
        for part in parts if self._links else ():
            here = f"{here}/{part}" if here else part
            if here in self._links:
                raise self.refuse(member, f"lies in the place of, or behind, the link {self._links[here][0]!r}")
        return "/".join(parts)

    def _make(self, place: str, member: str) -> None:
        path = self._root / place
        if path.is_dir():
            return
        try:
            with writing(path):
                path.mkdir(0o755, parents=True, exist_ok=True)
        except StateError as exc:
            if isinstance(exc.__cause__, (FileExistsError, NotADirectoryError)):
                raise self.refuse(member, "lies below a file") from exc
            raise


def _escape(root: str, place: str) -> str | None:
    """Why a link below ``root`` leads out of it, step by step as the system would go; None when it does not."""
    here: list[str] = []
    rest, links = deque(place.split("/")), 0
    while rest:
        part = rest.popleft()
        if part == "..":
            if not here:
                return "leads out of the archive"
            here.pop()
        elif part not in ("", "."):
            path = "/".join((root, *here, part))
            if os.path.islink(path):  # noqa: PTH114 - texts, as links are
                links += 1
                if links > _MANY_LINKS:
                    return "leads in a circle"
                rest.extendleft(reversed(os.readlink(path).split("/")))  # noqa: PTH115
            else:
                here.append(part)
    return None
