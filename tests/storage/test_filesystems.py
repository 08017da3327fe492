"""File systems of fsspec as object stores. The promises are in test_conformance."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import fsspec
import pytest
from dflow.engine.errors import MissingExtra, ObjectNotFound, StorageError
from dflow.storage.filesystems import FsspecClient
from dflow.storage.keys import TEMPORARY
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

SECRET = "0123456789abcdef"  # noqa: S105 - opens nothing
CONNECTION = f"DefaultEndpointsProtocol=https;AccountName=me;AccountKey={SECRET}==;EndpointSuffix=core.windows.net"


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "file").write_bytes(b"data")
    return str(tmp_path / "file")


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> FsspecClient:
    return FsspecClient(f"memory://{request.node.name}")


class Failing(MemoryFileSystem):
    """Memory that cannot write, and says more than it should."""

    protocol = "failing"
    cachable = False

    def put_file(self, *args, **kwargs):
        raise ConnectionError(f"PUT https://host/b?sig={SECRET}&x=1 refused, {self.storage_options}")

    def info(self, path, **kwargs):
        raise PermissionError(f"403 {path}")


class Remembering(MemoryFileSystem):
    """Memory behind a cache of listings, as file systems on the other side of a network have it."""

    protocol = "remembering"
    cachable = False
    store: dict = {}  # noqa: RUF012 - as its base has it
    pseudo_dirs = [""]  # noqa: RUF012

    def ls(self, path, detail=True, **kwargs):
        known = self.__dict__.setdefault("known", {})
        if path not in known:
            known[path] = super().ls(path, detail=True)
        return known[path] if detail else [entry["name"] for entry in known[path]]

    def invalidate_cache(self, path=None):
        self.__dict__.pop("known", None)


@pytest.mark.parametrize(
    ("address", "name"), [("memory://b/c", "/b/c/k/x"), ("memory://", "/k/x"), ("memory://b/", "/b/k/x")]
)
def test_keys_are_below_the_path_of_the_address(address, name, file):
    client = FsspecClient(address)
    client.upload("k/x", file)
    assert MemoryFileSystem().cat_file(name) == b"data"
    assert client.list("k/", recursive=True) == ["k/x"]
    MemoryFileSystem().rm_file(name)


def test_a_file_system_and_a_root_are_an_object_store(tmp_path, file):
    client = FsspecClient(LocalFileSystem(), str(tmp_path / "root"))
    client.upload("k/x", file)
    assert (tmp_path / "root" / "k" / "x").read_bytes() == b"data"
    assert str(client) == f"file://{tmp_path}/root/"
    assert client.parallel == 8


def test_a_file_system_whose_paths_begin_without_a_slash(tmp_path, file):
    inner = fsspec.filesystem("dir", path=str(tmp_path / "inner"), fs=LocalFileSystem(auto_mkdir=True))
    client = FsspecClient(inner)
    client.upload("k/x", file)
    assert client.list("", recursive=True) == ["k/x"]
    assert client.list("") == ["k/"]
    assert (tmp_path / "inner" / "k" / "x").exists()


def test_how_many_threads_may_call(tmp_path):
    assert FsspecClient("memory://x").parallel == 1
    assert FsspecClient(f"file://{tmp_path}").parallel == 8
    assert FsspecClient("memory://x", parallel=3).parallel == 3


def test_directories_are_not_objects(memory, file, tmp_path):
    memory.filesystem.makedirs(f"/{memory.address.partition('://')[2]}empty/deeper")
    memory.upload("full/x", file)
    assert memory.list("") == ["full/"]
    assert memory.list("", recursive=True) == ["full/x"]
    for call in (
        lambda: memory.get_md5("empty"),
        lambda: memory.copy("full", "other"),
        lambda: memory.download("full", str(tmp_path / "out")),
    ):
        with pytest.raises(ObjectNotFound):
            call()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_key_cannot_be_an_object_and_a_folder(kind, tmp_path, file):
    client = FsspecClient(f"{kind}://{tmp_path}/both")
    client.upload("a/b", file)
    client.upload("c", file)
    with pytest.raises(StorageError, match="objects below that name"):
        client.upload("a", file)
    with pytest.raises(StorageError, match="'c' is an object"):
        client.upload("c/d/e", file)
    assert client.list("", recursive=True) == ["a/b", "c"]


@pytest.mark.parametrize("key", ["", "/etc/x", "../x", "a/../x", "a//b", "a/", "a\0b", f"a/{TEMPORARY}1"])
def test_a_key_that_is_no_relative_path_is_refused(memory, file, tmp_path, key):
    for call in (
        lambda: memory.upload(key, file),
        lambda: memory.download(key, str(tmp_path / "out")),
        lambda: memory.copy("k", key),
        lambda: memory.get_md5(key),
        lambda: memory.exists(key),
    ):
        with pytest.raises(StorageError, match="cannot be a key"):
            call()


def test_a_failed_upload_to_this_machine_leaves_the_old_object_and_no_other_file(tmp_path, file, monkeypatch):
    client = FsspecClient(f"file://{tmp_path}/store")
    client.upload("k", file)

    def breaks(self, path, target, **kwargs):
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "put_file", breaks)
    with pytest.raises(StorageError, match="No space left on device"):
        client.upload("k", file)
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["k"]
    assert (tmp_path / "store" / "k").read_bytes() == b"data"


def test_a_failed_download_leaves_the_file_that_was_there(memory, file, tmp_path, monkeypatch):
    memory.upload("k", file)

    def breaks(self, path, target, **kwargs):
        Path(target).write_bytes(b"half")
        raise ConnectionResetError("gone")

    monkeypatch.setattr(MemoryFileSystem, "get_file", breaks)
    (tmp_path / "out").write_bytes(b"before")
    with pytest.raises(StorageError, match=r"cannot download 'k'.*gone"):
        memory.download("k", str(tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]
    assert (tmp_path / "out").read_bytes() == b"before"


def test_nothing_is_remembered_between_two_calls(file):
    client = FsspecClient(Remembering(), "/fresh")
    assert client.list("") == []
    other = FsspecClient(Remembering(), "/fresh")
    other.upload("a", file)
    assert client.list("") == ["a"]
    other.upload("b/c", file)
    assert client.list("", recursive=True) == ["a", "b/c"]


def test_an_error_says_what_where_and_what_next_and_no_secrets(file):
    options = {"account_key": SECRET, "connection_string": CONNECTION, "region": "here"}
    client = FsspecClient(Failing(**options), "/bucket")
    with pytest.raises(StorageError) as caught:
        client.upload("k", file)
    text = str(caught.value)
    assert text.startswith(
        f"cannot store the file {file} as 'k' in failing://bucket/: ConnectionError: PUT https://host"
    )
    assert text.endswith("check the address, the keys and the options given")
    assert "'region': 'here'" in text
    assert SECRET not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_refused_keys_are_told_with_their_cause():
    client = FsspecClient(Failing(), "/bucket")
    with pytest.raises(StorageError, match="403 /bucket/k; these keys may not do that") as caught:
        client.get_md5("k")
    assert isinstance(caught.value.__cause__, PermissionError)


def test_the_password_in_an_address_is_not_shown(monkeypatch):
    class Named(MemoryFileSystem):
        protocol = "named"
        cachable = False

        @staticmethod
        def _get_kwargs_from_urls(path):
            return {"password": SECRET} if path else {}

        @classmethod
        def _strip_protocol(cls, path):
            return path.rpartition("@")[2]

    fsspec.register_implementation("named", Named, clobber=True)
    client = FsspecClient(f"named://me:{SECRET}@host/folder")
    assert SECRET not in f"{client} {client!r}"


@pytest.mark.parametrize(
    ("address", "library", "extra"),
    [
        ("oss://bucket", "ossfs", "oss"),
        ("abfs://container", "adlfs", "azure"),
        ("gs://bucket", "gcsfs", "gcs"),
        ("gcs://bucket", "gcsfs", "gcs"),
        ("memory://bucket", "fsspec", "fsspec"),
        ("sftp://host/folder", "paramiko", "fsspec"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(address, library, extra):
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from dflow.engine.errors import MissingExtra\n"
        "from dflow.storage.filesystems import FsspecClient\n"
        f"try: FsspecClient({address!r})\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"pip install 'pydflow[{extra}]'" in done.stdout


def test_an_unknown_kind_of_store_is_refused():
    with pytest.raises(StorageError, match=r"'nosuch'.*Protocol not known"):
        FsspecClient("nosuch://bucket")


def test_options_that_the_library_refuses_are_told():
    with pytest.raises(StorageError, match="cannot open a store of the kind 'zip'"):
        FsspecClient("zip://", options={"fo": "/nonexistent.zip"})


def test_a_client_travels_in_a_pickle(tmp_path, file):
    client = pickle.loads(pickle.dumps(FsspecClient(f"file://{tmp_path}/store")))  # noqa: S301 - made here
    client.upload("k", file)
    assert (tmp_path / "store" / "k").read_bytes() == b"data"


def test_a_forked_process_opens_a_file_system_of_its_own(tmp_path, file):
    client = FsspecClient(f"file://{tmp_path}/store", options={"auto_mkdir": True})
    before = client.filesystem
    child = os.fork()
    if child == 0:
        ours = client.filesystem
        same_kind = type(ours) is type(before) and ours.auto_mkdir
        client.upload("k", file)
        os._exit(0 if ours is not before and same_kind else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert client.filesystem is before
    assert client.list("") == ["k"]


def test_importing_the_adapter_does_not_need_fsspec():
    code = "import sys; sys.modules['fsspec'] = None; import dflow.storage.filesystems, dflow.plugins.oss"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_missing_extra_is_an_import_error_too():
    assert issubclass(MissingExtra, ImportError)
