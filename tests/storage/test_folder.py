"""A directory as an object store: its keys, its files, and what it refuses. The promises are in test_conformance."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dflow.engine.errors import ObjectNotFound, StorageError
from dflow.storage.folder import FolderClient
from dflow.storage.keys import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def store(tmp_path: Path) -> FolderClient:
    return FolderClient(tmp_path / "store")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], str]:
    def write(data: bytes = b"data") -> str:
        (tmp_path / "file").write_bytes(data)
        return str(tmp_path / "file")

    return write


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_object_of_a_key_is_the_file_of_that_name(store, file):
    store.upload("a/b/x.txt", file(b"data"))
    assert (store.root / "a/b/x.txt").read_bytes() == b"data"
    assert everything_in(store.root) == ["a", "a/b", "a/b/x.txt"]


def test_the_root_is_where_it_was_when_the_client_was_made(tmp_path, file, monkeypatch):
    store = FolderClient("relative")
    (tmp_path / "elsewhere").mkdir()
    path = file(b"x")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.upload("k", path)
    assert (tmp_path / "relative" / "k").read_bytes() == b"x"


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../../x", "a//b", "a/", "./a", "a/./b", "a\0b", ".."])
def test_a_key_that_is_no_relative_path_is_refused_and_touches_nothing(store, file, tmp_path, key):
    path = file()
    before = everything_in(tmp_path)
    for call in (
        lambda: store.upload(key, path),
        lambda: store.download(key, str(tmp_path / "out")),
        lambda: store.copy(key, "fine"),
        lambda: store.get_md5(key),
    ):
        with pytest.raises(StorageError, match="cannot be a key"):
            call()
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("prefix", ["..", "../", "../fi", "/", "/tmp/", "a//", "./", "a/../", "x\0"])
def test_no_key_begins_with_what_cannot_be_in_a_key(store, file, prefix):
    store.upload("a/b", file())
    assert store.list(prefix, recursive=True) == []


def test_what_is_an_object_cannot_be_a_folder_of_keys(store, file):
    store.upload("a", file())
    with pytest.raises(StorageError, match=r"'a/b'.*an object cannot be a folder of keys too"):
        store.upload("a/b", file())
    with pytest.raises(StorageError, match=r"'a/b/c'.*an object cannot be a folder of keys too"):
        store.upload("a/b/c", file())


def test_what_is_a_folder_of_keys_cannot_be_an_object(store, file):
    store.upload("a/b", file())
    with pytest.raises(StorageError, match=r"'a'.*a folder of keys cannot be an object too"):
        store.upload("a", file())
    assert everything_in(store.root) == ["a", "a/b"]


def test_a_name_that_is_too_long_is_refused_with_what_to_do(store, file):
    with pytest.raises(StorageError, match="shorten the names"):
        store.upload("x" * 300, file())


def test_a_file_that_is_written_is_not_an_object(store, file):
    store.upload("a/x", file())
    (store.root / "a" / f"{TEMPORARY}123").write_bytes(b"half")
    (store.root / "b").mkdir()
    (store.root / "b" / f"{TEMPORARY}456").write_bytes(b"half")
    assert store.list("", recursive=True) == ["a/x"]
    assert store.list("") == ["a/"]
    with pytest.raises(StorageError, match="unfinished files"):
        store.upload(f"a/{TEMPORARY}123", file())


def test_while_an_object_is_overwritten_readers_see_the_old_or_the_new_one_whole(store, file, tmp_path):
    size = 3 << 20
    versions = [bytes([number]) * size for number in range(4)]
    store.upload("k", file(versions[0]))
    done = threading.Event()
    seen = set()

    def read() -> None:
        while not done.is_set():
            store.download("k", str(tmp_path / "read"))
            data = (tmp_path / "read").read_bytes()
            seen.add((len(data), len(set(data))))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        store.upload("k", file(versions[number % 4]))
    done.set()
    reader.join()
    assert seen == {(size, 1)}


def test_a_failed_upload_leaves_the_old_object_and_no_other_file(store, file, monkeypatch):
    store.upload("k", file(b"old"))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full, raising=False)
    with pytest.raises(StorageError, match=r"No space left on device.*make room on the disk"):
        store.upload("k", file(b"new"))
    assert (store.root / "k").read_bytes() == b"old"
    assert everything_in(store.root) == ["k"]


@pytest.mark.parametrize("error", [18, 22, 38, 95], ids=["EXDEV", "EINVAL", "ENOSYS", "EOPNOTSUPP"])
def test_where_blocks_cannot_be_shared_the_bytes_are_copied(store, file, monkeypatch, error):
    def refuses(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "copy_file_range", refuses, raising=False)
    store.upload("k", file(b"data" * 1000))
    assert (store.root / "k").read_bytes() == b"data" * 1000


def test_objects_may_be_read_by_those_who_may_read_new_files(store, file, tmp_path):
    path = file()
    Path(path).chmod(0o600)
    before = os.umask(0o027)
    try:
        store.upload("k", path)
        store.download("k", str(tmp_path / "out"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((store.root / "k").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


def test_symbolic_links_are_no_objects_and_are_not_followed(store, file, tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret").write_bytes(b"secret")
    store.upload("k", file())
    (store.root / "folder").symlink_to(tmp_path / "private")
    (store.root / "link").symlink_to(tmp_path / "private" / "secret")
    assert store.list("", recursive=True) == store.list("") == ["k"]
    assert store.list("folder/", recursive=True) == []
    with pytest.raises(ObjectNotFound):
        store.download("link", str(tmp_path / "out"))
    for call in (
        lambda: store.download("folder/secret", str(tmp_path / "out")),
        lambda: store.upload("folder/new", file()),
    ):
        with pytest.raises(StorageError, match="a symbolic link is on the way"):
            call()
    store.upload("link", file(b"new"))
    assert (tmp_path / "private" / "secret").read_bytes() == b"secret"
    assert everything_in(tmp_path / "private") == ["secret"]


def test_a_link_as_the_root_is_the_directory_that_it_names(tmp_path, file):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    FolderClient(tmp_path / "link").upload("a/b", file())
    assert FolderClient(tmp_path / "link").list("", recursive=True) == ["a/b"]
    assert (tmp_path / "real" / "a" / "b").exists()


def test_directories_without_files_are_not_listed(store, file):
    store.upload("a/x", file())
    (store.root / "empty" / "deeper").mkdir(parents=True)
    assert store.list("") == ["a/"]
    assert store.list("e") == []


def test_a_store_that_is_not_there_yet_is_empty(store):
    assert store.list("", recursive=True) == []
    with pytest.raises(ObjectNotFound, match=r"no object 'k' in the folder .*store"):
        store.get_md5("k")
    assert not store.exists("k")
    assert not store.root.exists()


def test_a_device_is_no_file_to_upload(store):
    with pytest.raises(StorageError, match="directory or a device"):
        store.upload("k", os.devnull)
    assert store.list("", recursive=True) == []


def test_a_download_onto_a_directory_is_refused(store, file, tmp_path):
    store.upload("k", file())
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="cannot write 'k' to the file"):
        store.download("k", str(tmp_path / "out"))
    assert everything_in(tmp_path / "out") == []
    assert not [name for name in everything_in(tmp_path) if TEMPORARY in name]
