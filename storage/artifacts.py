"""Artifacts in an object store: a tree of objects under a key, or one object that is an archive.

The layout is that of Argo and of pods: ``KEY.tgz`` holds one directory with the artifact in it; without an archive
each file is an object ``KEY/PATH``. Either way ``.dflow/…`` in it says which file is which element. An empty directory
is kept by an empty file ``.empty_dir`` in it.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.engine.catalog import CATALOG
from dflow.engine.errors import StorageError
from dflow.engine.state import writing
from dflow.storage.archives import Limits, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dflow.storage.client import StorageClient

__all__ = ["EMPTY", "ArtifactStore", "files_of", "packed_key", "remove_empty_tags"]

EMPTY = ".empty_dir"
_ENDINGS = {"tar": ".tgz", "zip": ".zip"}
_LIMITS = Limits(ratio=1100)
"""As much as gzip can pack: what was stored here can be fetched again, whatever is in it."""
_ARCHIVES = (".tgz", ".tar.gz", ".tar", ".zip")


class ArtifactStore:
    """Puts artifacts into an object store and gets them out; an ``ObjectStore`` of the engine.

    Args:
        archive: what ``"default"`` means: ``"tar"``, ``"zip"`` or None.
    """

    def __init__(self, client: StorageClient, archive: str | None = "tar") -> None:
        self.client = client
        self._default = archive

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return str(self.client)

    def keep(self, made: Path, key: str, archive: str | None) -> str:
        """Store a file or a directory under a key; the key that it is under, which for an archive has an ending.

        Links are followed. The catalog of an artifact comes last: where it is, all is.

        Args:
            archive: ``"tar"``, ``"zip"``, None or ``"default"``.

        Raises:
            StorageError: the store refuses or does not answer; what is under the key is not whole then.
            StateError: there is no space for the archive.
        """
        kind = self._default if archive == "default" else archive
        if kind is not None:
            return self._keep_packed(made, key, kind)
        if not made.is_dir():
            self.client.upload(key, str(made))
            return key
        files = sorted(files_of(made), key=lambda item: (_is_catalog(item[0]), item[0]))
        with _empty_file() as empty:
            self._all(partial(self.client.upload, f"{key}/{n}", p or empty) for n, p in files if not _is_catalog(n))
            self._all(partial(self.client.upload, f"{key}/{n}", p or empty) for n, p in files if _is_catalog(n))
        return key

    def _keep_packed(self, made: Path, key: str, archive: str) -> str:
        stored, ending = packed_key(key, archive), _ENDINGS[archive]
        is_file = made.is_file()
        name = made.resolve().name if is_file else stored.rpartition("/")[2].removesuffix(ending)
        with tempfile.TemporaryDirectory(prefix="dflow-") as folder:
            packed = Path(folder, f"packed{ending}")
            pack(made, packed, archive, name=name)
            self.client.upload(stored, str(packed))
        return stored

    def fetch(self, key: str, target: Path, *, whole: bool = False, as_is: bool = False) -> bool:
        """Bring what is under a key to ``target``, as a whole or not at all; False when there is nothing.

        Args:
            whole: an archive is not unpacked.
            as_is: one that is unpacked becomes a directory of what lies at its top.

        Raises:
            StorageError: the store refuses or does not answer.
            UnsafeArtifact: an archive would lead out of its place.
        """
        if self.client.exists(key):
            self._fetch_object(key, target, whole=whole, as_is=as_is)
            return True
        inside = self.names(key)
        if inside:
            self._fetch_tree(key, inside, target)
        return bool(inside)

    def names(self, key: str, within: str = "") -> list[str]:
        """The paths of the files of an artifact that is a tree; empty where there is none.

        Args:
            within: only those in this directory of it, or this file.
        """
        root = f"{key.rstrip('/')}/"
        found = [name[len(root) :] for name in self.client.list(root + within, recursive=True)]
        return [n for n in found if n and not n.endswith("/") and (not within or f"{n}/".startswith(f"{within}/"))]

    def has_all(self, key: str, made: Path) -> bool:
        """Whether there is an object for each file of a directory."""
        return {name for name, _ in files_of(made)} <= set(self.names(key))

    def fetch_files(self, key: str, wanted: Iterable[tuple[str, Path]], root: Path) -> None:
        """Bring files of an artifact that is a tree to places below a directory, each as a whole or not at all.

        Args:
            wanted: pairs of a path in the artifact and a place.
        """
        pairs = list(wanted)
        for name, place in pairs:
            if not _lies_in(place, root):
                raise StorageError(f"the key {f'{key}/{name}'!r} leads out of its directory, and is not fetched")
        for folder in {place.parent for _, place in pairs}:
            with writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
        head = f"{key.rstrip('/')}/" if key else ""
        self._all(partial(self.client.download, head + name, str(p)) for name, p in pairs if p.name != EMPTY)

    def copy(self, source: str, target: str, *, without: str = "\0") -> None:
        """Store what is under a key under another one too, within the store.

        Args:
            without: leave out what begins with this, in a tree.
        """
        if self.client.exists(source):
            self.client.copy(source, target)
            return
        names = (name for name in self.names(source) if not name.startswith(without))
        self._all(partial(self.client.copy, f"{source.rstrip('/')}/{n}", f"{target.rstrip('/')}/{n}") for n in names)

    def _fetch_object(self, key: str, target: Path, *, whole: bool, as_is: bool) -> None:
        with _beside(target) as folder:
            file = folder / "object"
            self.client.download(key, str(file))
            if not whole and _is_archive(key, file):
                content = folder / "content"
                unpack(file, content, limits=_LIMITS, as_is=as_is)
                remove_empty_tags(content)
                file = content
            _put_in_place(file, target)

    def _fetch_tree(self, key: str, names: list[str], target: Path) -> None:
        with _beside(target) as folder:
            content = folder / "content"
            self.fetch_files(key, ((name, content / name) for name in names), content)
            _put_in_place(content, target)

    def _all(self, calls: Iterable[Callable[[], None]]) -> None:
        """Make calls, as many at once as the client stands; the first error ends what has not begun."""
        jobs = list(calls)
        if self.client.parallel <= 1 or len(jobs) == 1:
            for job in jobs:
                job()
            return
        with ThreadPoolExecutor(min(self.client.parallel, len(jobs) or 1), "dflow-storage") as pool:
            running = [pool.submit(job) for job in jobs]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
            for future in done:
                future.result()


def packed_key(key: str, archive: str) -> str:
    """The key that an archive has, which ends as archives of that kind do."""
    ending = _ENDINGS[archive]
    return key if key.endswith(ending) else f"{key}{ending}"


def remove_empty_tags(root: Path) -> None:
    """Remove the files that stood for empty directories."""
    for folder, _, files in os.walk(root):
        if EMPTY in files:
            Path(folder, EMPTY).unlink()


def files_of(root: Path, head: str = "", above: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The files below a directory, links followed: their relative paths and places; no place for an empty directory.

    Raises:
        StorageError: a link leads to a directory that it lies in.
    """
    real = os.path.realpath(root)
    if real in above:
        raise StorageError(f"{root} is a link to a directory that it lies in; leave it out")
    entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    if not entries and head:
        yield f"{head}{EMPTY}", ""
    for entry in entries:
        if entry.is_dir():
            yield from files_of(Path(entry.path), f"{head}{entry.name}/", (*above, real))
        else:
            yield f"{head}{entry.name}", entry.path


def _is_archive(key: str, file: Path) -> bool:
    """Whether an object is an archive by its name and its content; a ``.npz`` or ``.xlsx`` is not meant."""
    if not key.endswith(_ARCHIVES):
        return False
    return zipfile.is_zipfile(file) if key.endswith(".zip") else tarfile.is_tarfile(file)


def _is_catalog(name: str) -> bool:
    return name.startswith(f"{CATALOG}/")


def _lies_in(place: Path, folder: Path) -> bool:
    return os.path.normpath(place).startswith(os.path.normpath(folder) + os.sep)


@contextmanager
def _empty_file() -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="dflow-") as file:
        yield file.name


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A private directory beside a target, for what is not whole yet."""
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(made: Path, target: Path) -> None:
    with writing(target):
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        made.replace(target)
