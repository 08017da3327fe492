"""What jobs on another machine need, as one stream: the directories of their steps, and what links in these lead to.

What is linked, such as an artifact that many steps have in common, is sent once and lies beside the steps as an object;
links to it are links there, too. A machine gets all of it below one directory of the run:

    <step>/                     the directory of a step
    .dflow/objects/<digest>/    what was linked
    .dflow/ops/, .dflow/lib/    OPs, and the packages that they are imported from
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from typing import TYPE_CHECKING

from dflow.engine.errors import LeafError
from dflow.engine.inside import is_inside
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Entry", "Objects", "Parcel", "linked_text", "write_parcel"]

OBJECTS = ".dflow/objects"
_OWN = frozenset((".job", ".asked", ".step", "phase", "type", "log.txt", ".claim", ".exit"))
_NOT_SENT = frozenset(("__pycache__",))


@record(frozen=True, slots=True)
class Entry:
    """Something of a parcel.

    Attributes:
        name: where it goes.
        source: the file whose contents it has; a directory where there is none, and neither of the others.
        link: where it leads, if it is a link.
        text: its contents, if they differ from the source's.
    """

    name: str
    source: str | None = None
    link: str | None = None
    text: bytes | None = None


class Objects:
    """What is linked from steps, under names that depend on what it is.

    Attributes:
        sources: the files and directories here, by their names there.
    """

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._entries: dict[str, list[Entry]] = {}

    def name_of(self, real: str) -> str:
        """The name of a file or directory: ``digest/name``.

        Raises:
            OSError: it cannot be read.
        """
        if real not in self._names:
            self._names[real] = ""  # a link that leads back here, from somewhere in it, leads nowhere
            found = list(_walk(real))
            state = "\0".join(f"{name}\0{size}\0{time}" for name, size, time in found)
            digest = hashlib.sha256(f"{real}\0{state}".encode("utf-8", "surrogateescape")).hexdigest()[:20]
            name = f"{digest}/{os.path.basename(real)}"
            self._names[real] = name
            self.sources[name] = real
            self._entries[name] = [
                self.entry(f"{OBJECTS}/{name}/{rest}".rstrip("/"), os.path.join(real, rest) if rest else real, real)
                for rest, _, _ in found
            ]
        return self._names[real]

    def closure(self, names: Sequence[str]) -> Iterator[tuple[str, list[Entry]]]:
        """Objects and what they link to, each once."""
        todo, seen = list(names), set[str]()
        while todo:
            name = todo.pop()
            if name in seen or name not in self._entries:
                continue
            seen.add(name)
            yield name, self._entries[name]
            todo += [found for entry in self._entries[name] if (found := _object_in(entry)) is not None]

    def entry(self, name: str, source: str, root: str) -> Entry:
        """A file, a directory or a link under ``root``; links that lead out of it lead to objects."""
        mode = os.lstat(source).st_mode
        if stat.S_ISDIR(mode):
            return Entry(name)
        if not stat.S_ISLNK(mode):
            return Entry(name, source)
        real = os.path.realpath(source)
        if is_inside(real, root):
            return Entry(name, link=os.path.relpath(real, os.path.realpath(os.path.dirname(source))))
        if not os.path.exists(real):
            return Entry(name, link=os.readlink(source))
        return Entry(name, link=linked_text(name, f"{OBJECTS}/{self.name_of(real)}"))


@record(frozen=True, slots=True)
class Parcel:
    """The directory of a step, ready to be sent.

    Attributes:
        name: of the directory there.
        entries: all of it.
        objects: the objects that it needs.
    """

    name: str
    entries: tuple[Entry, ...]
    objects: tuple[str, ...]

    @staticmethod
    def of(step: Path, name: str, objects: Objects, texts: Mapping[str, bytes]) -> Parcel:
        """Look through the directory of a step.

        Args:
            texts: what files at its top have instead of their contents here.

        Raises:
            LeafError: something of it cannot be read.
        """
        root, entries = os.path.realpath(step), []
        try:
            for rest, _, _ in _walk(root):
                if rest.split(os.sep, 1)[0] in _OWN:
                    continue
                if rest in texts:
                    entries.append(Entry(f"{name}/{rest}", os.path.join(root, rest), text=texts[rest]))
                    continue
                entries.append(objects.entry(f"{name}/{rest}".rstrip("/"), os.path.join(root, rest), root))
        except OSError as exc:
            raise LeafError(f"cannot send {exc.filename or step}: {exc.strerror or exc}") from exc
        needed = dict.fromkeys(found for entry in entries if (found := _object_in(entry)) is not None)
        return Parcel(name, tuple(entries), tuple(needed))


def linked_text(name: str, target: str) -> str:
    """The text of a link at ``name`` that leads to ``target``, both from the same directory."""
    return os.path.relpath(target, os.path.dirname(name))


def write_parcel(entries: Sequence[Entry], descriptor: int) -> None:
    """Write a stream of ``tar`` to a file descriptor, and close it.

    Raises:
        OSError: a file cannot be read, or nobody reads the stream.
    """
    with (
        os.fdopen(descriptor, "wb") as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for entry in entries:
            _add(tar, entry)


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.name)
    if entry.link is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        tar.addfile(info)
    elif entry.source is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
    else:
        with open(entry.source, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                return
            info.mode, info.mtime = stat.S_IMODE(found.st_mode) | 0o600, found.st_mtime
            info.size = found.st_size if entry.text is None else len(entry.text)
            tar.addfile(info, file if entry.text is None else io.BytesIO(entry.text))


def _object_in(entry: Entry) -> str | None:
    if entry.link is None:
        return None
    inside = os.path.normpath(os.path.join(os.path.dirname(entry.name), entry.link))
    return inside[len(OBJECTS) + 1 :] if inside.startswith(f"{OBJECTS}/") else None


def _walk(root: str) -> Iterator[tuple[str, int, int]]:
    """What is in a directory, relative to it, with size and time; of a file, itself.

    Directories come before what they hold.
    """
    found = os.lstat(root)
    yield (
        "",
        found.st_size if stat.S_ISREG(found.st_mode) else 0,
        found.st_mtime_ns if stat.S_ISREG(found.st_mode) else 0,
    )
    if not stat.S_ISDIR(found.st_mode):
        return
    todo = [""]
    while todo:
        at = todo.pop()
        with os.scandir(os.path.join(root, at)) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.name in _NOT_SENT:
                    continue
                rest = os.path.join(at, entry.name)
                state = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                if not is_folder and stat.S_IFMT(state.st_mode) not in (stat.S_IFREG, stat.S_IFLNK):
                    continue  # a pipe or a socket is nothing that could be sent
                yield rest, 0 if is_folder else state.st_size, 0 if is_folder else state.st_mtime_ns
                if is_folder:
                    todo.append(rest)
