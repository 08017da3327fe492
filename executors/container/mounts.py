"""Which files of this machine a container needs: a run's directory, a step's, and all that links in them lead to."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Mount", "Mounts"]

_HOPS = 40
_MANY_ENTRIES = 100_000
_MANY_FILES = 64
_NOT_THEIRS = frozenset({"workflows"})
_WHOLE = frozenset(
    (
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/dev/shm",  # noqa: S108 - refused
        "/etc",
        "/lib",
        "/lib32",
        "/lib64",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/sys",
    )
) | frozenset(("/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/var"))  # noqa: S108 - refused
_SYSTEM = tuple(
    f"/{name}/" for name in ("bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr")
)
_NEVER = ("/dev/", "/proc/", "/sys/")
_IN_MEMORY = "/dev/shm/"  # noqa: S108 - files as any others


@record(frozen=True, slots=True)
class Mount:
    """A file or directory of this machine, and where a container sees it."""

    source: str
    target: str
    writable: bool = False


class Mounts:
    """Collects what one container is to see.

    Args:
        known: the links in directories that were looked through, for the containers of a run: what a step has made
            stays as it is.
    """

    def __init__(self, known: dict[str, tuple[str, ...]]) -> None:
        self._known = known
        self._mounts: dict[str, Mount] = {}
        self._seen: set[str] = set()

    def add(self, path: str, *, writable: bool = False, at: str | None = None) -> None:
        """Let it be seen at its own path, or at another one."""
        target = os.path.normpath(at or path)
        self._mounts[target] = Mount(os.path.realpath(path), target, writable)

    def follow(self, directory: str) -> None:
        """Let all that links in a directory lead to, which is seen already, be found where they lead.

        Raises:
            LeafError: one leads to a directory that no container can get as a whole.
        """
        for entry in _links(directory, skip=_NOT_THEIRS):
            self._follow(os.path.join(directory, entry), os.path.join(directory, entry), is_own=True)

    def listing(self) -> list[Mount]:
        """All mounts, outer ones first; many files of one directory are that directory."""
        folders: dict[str, list[Mount]] = {}
        for mount in self._mounts.values():
            if not mount.writable and os.path.isfile(mount.source):
                folders.setdefault(os.path.dirname(mount.target), []).append(mount)
        for folder, files in folders.items():
            real = os.path.dirname(files[0].source)
            alike = all(f.source == os.path.join(real, os.path.basename(f.target)) for f in files)
            if len(files) > _MANY_FILES and alike and folder not in _WHOLE:
                for file in files:
                    del self._mounts[file.target]
                self._mounts.setdefault(folder, Mount(real, folder))
        return sorted(self._mounts.values(), key=lambda mount: len(PurePosixPath(mount.target).parts))

    def _follow(self, link: str, host: str, *, is_own: bool) -> None:
        real = os.path.realpath(host)
        if os.path.exists(real):
            self._reach(link, real, is_own=is_own)

    def _reach(self, path: str, real: str, *, is_own: bool) -> None:
        """Make ``real`` be found at ``path``, which a container resolves hop by hop, as it sees its files."""
        for _ in range(_HOPS):
            mount = self._holding(path)
            if mount is None:
                self._take(path, real, is_own=is_own)
                return
            found = _first_link(mount, path)
            if found is None:
                self._look_through(path, real)
                return
            link, rest = found
            goal = os.readlink(_on_host(mount, link))
            path = os.path.normpath(os.path.join(os.path.dirname(link), goal, rest))

    def _take(self, path: str, real: str, *, is_own: bool) -> None:
        in_memory = path.startswith(_IN_MEMORY)
        if path in _WHOLE or real in _WHOLE or (path.startswith(_NEVER) and not in_memory):
            if is_own:
                raise LeafError(
                    f"an input is {path}, which a container cannot get as a whole: name what is needed of it"
                )
            return
        if not is_own and path.startswith(_SYSTEM) and not in_memory:  # it is the image's own there
            return
        self._mounts[path] = Mount(real, path)
        self._look_through(path, real)

    def _look_through(self, path: str, real: str) -> None:
        if path in self._seen or not os.path.isdir(real):
            return
        self._seen.add(path)
        if real not in self._known:
            self._known[real] = tuple(_links(real))
        for entry in self._known[real]:
            self._follow(os.path.join(path, entry), os.path.join(real, entry), is_own=False)

    def _holding(self, path: str) -> Mount | None:
        """The innermost mount that a path lies in."""
        while path not in self._mounts:
            above = os.path.dirname(path)
            if above == path:
                return None
            path = above
        return self._mounts[path]


def _on_host(mount: Mount, path: str) -> str:
    return mount.source + path[len(mount.target) :]


def _first_link(mount: Mount, path: str) -> tuple[str, str] | None:
    """The first symbolic link on the way from a mount to a path in it, and what comes after it."""
    at, parts = mount.target, PurePosixPath(path).relative_to(mount.target).parts
    for number, part in enumerate(parts, 1):
        at = os.path.join(at, part)
        if os.path.islink(_on_host(mount, at)):
            return at, os.path.join(*parts[number:]) if parts[number:] else ""
    return None


def _links(directory: str, skip: frozenset[str] = frozenset()) -> Iterator[str]:
    """The symbolic links in a directory and in those below it, relative to it; of a huge one, those found first."""
    rest, count = [""], 0
    while rest and count < _MANY_ENTRIES:
        folder = rest.pop()
        try:
            entries = sorted(os.scandir(os.path.join(directory, folder)), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            count += 1
            place = os.path.join(folder, entry.name)
            if entry.is_symlink():
                yield place
            elif place not in skip and entry.is_dir(follow_symlinks=False):
                rest.append(place)
