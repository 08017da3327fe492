"""The checks of storage clients: ours keep every promise, and each check finds a client that breaks its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from dflow.engine.errors import ObjectNotFound
from dflow.storage.filesystems import FsspecClient
from dflow.storage.folder import FolderClient
from dflow.testing.storage import CHECKS, StorageConformance, check_client, run_checks

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestFolderClient(StorageConformance):
    """The folder store keeps every promise."""

    @pytest.fixture
    def client(self, tmp_path: Path) -> FolderClient:
        return FolderClient(tmp_path / "store")


class TestFsspecOnThisMachine(StorageConformance):
    """So does a directory, through fsspec."""

    @pytest.fixture
    def client(self, tmp_path: Path) -> FsspecClient:
        return FsspecClient(f"file://{tmp_path}/store")


class TestFsspecInMemory(StorageConformance):
    """So does memory, through fsspec."""

    keys = 1001

    @pytest.fixture
    def client(self, request: pytest.FixtureRequest) -> FsspecClient:
        return FsspecClient(f"memory://{request.node.name}")


class FiveMethods:
    """A client as users write them: no class of ours."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def upload(self, key: str, path: str) -> None:
        (self.root / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.root / key)

    def download(self, key: str, path: str) -> None:
        if not (self.root / key).is_file():
            raise FileNotFoundError(key)
        shutil.copyfile(self.root / key, path)

    def list(self, prefix: str, recursive: bool = False) -> list[str]:
        return FolderClient(self.root).list(prefix, recursive=recursive)

    def copy(self, src: str, dst: str) -> None:
        FolderClient(self.root).copy(src, dst)

    def get_md5(self, key: str) -> str:
        return FolderClient(self.root).get_md5(key)


# one client for each check, which breaks just that promise


def changed_data(change: Any) -> type[FolderClient]:
    class Client(FolderClient):
        """Stores something else than the file."""

        def upload(self, key: str, path: str) -> None:
            super().upload(key, path)
            data = (self.root / key).read_bytes()
            (self.root / key).write_bytes(change(data))

    return Client


def changed_keys(change: Any) -> type[FolderClient]:
    class Client(FolderClient):
        """Takes some keys for others."""

        def _path(self, key: str) -> Path:
            return super()._path(change(key))

    return Client


def changed_list(change: Any) -> type[FolderClient]:
    class Client(FolderClient):
        """Lists something else than what is there."""

        def list(self, prefix: str, recursive: bool = False) -> list[str]:
            return change(super(), prefix, recursive)

    return Client


class IgnoresEmptyFiles(FolderClient):
    def upload(self, key: str, path: str) -> None:
        if Path(path).stat().st_size:
            super().upload(key, path)


class KeepsTheFirst(FolderClient):
    def upload(self, key: str, path: str) -> None:
        if not (self.root / key).exists():
            super().upload(key, path)


class Links(FolderClient):
    def upload(self, key: str, path: str) -> None:
        super().upload(key, path)
        (self.root / key).unlink()
        os.link(path, self.root / key)


class AddsTexts(FolderClient):
    def upload(self, key: str, path: str) -> None:
        super().upload(key, path + "")


class StoresNothingForSomething(FolderClient):
    def upload(self, key: str, path: str) -> None:
        if Path(path).is_file():
            super().upload(key, path)
        else:
            (self.root / key).parent.mkdir(parents=True, exist_ok=True)
            (self.root / key).touch()


class Remembers(FolderClient):
    def list(self, prefix: str, recursive: bool = False) -> list[str]:
        known = self.__dict__.setdefault("known", {})
        return known.setdefault((prefix, recursive), super().list(prefix, recursive))


class TakesPrefixesForObjects(FolderClient):
    def exists(self, key: str) -> bool:
        return bool(self.list(key))


class Moves(FolderClient):
    def copy(self, src: str, dst: str) -> None:
        super().copy(src, dst)
        if src != dst:
            (self.root / src).unlink()


class CopiesOnce(FolderClient):
    def copy(self, src: str, dst: str) -> None:
        if src == dst or not (self.root / dst).exists():
            super().copy(src, dst)


class EmptiesItself(FolderClient):
    def copy(self, src: str, dst: str) -> None:
        if src == dst:
            (self.root / dst).write_bytes(b"")
        super().copy(src, dst)


class SumsOfNames(FolderClient):
    def get_md5(self, key: str) -> str:
        super().get_md5(key)
        return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


class LeavesAnEmptyFile(FolderClient):
    def download(self, key: str, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
        super().download(key, path)


class CopiesNothingInSilence(FolderClient):
    def copy(self, src: str, dst: str) -> None:
        if self.exists(src):
            super().copy(src, dst)


class SumsOfNothing(FolderClient):
    def get_md5(self, key: str) -> str:
        return super().get_md5(key) if self.exists(key) else ""


class WantsDirectories(FolderClient):
    def download(self, key: str, path: str) -> None:
        if not Path(path).parent.is_dir():
            raise NotADirectoryError(path)
        super().download(key, path)


class LeavesTemporaryFiles(FolderClient):
    def download(self, key: str, path: str) -> None:
        super().download(key, path)
        Path(f"{path}.part").touch()


class OneAtATime(FolderClient):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.lock = threading.Lock()

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        if not self.lock.acquire(blocking=False):
            raise RuntimeError("called by two threads")
        try:
            time.sleep(0.001)
            yield
        finally:
            self.lock.release()


def as_a_directory(store: Any, prefix: str, recursive: bool) -> list[str]:
    return store.list(prefix if prefix.endswith("/") else f"{prefix}/", recursive)


def an_error_for_nothing(store: Any, prefix: str, recursive: bool) -> list[str]:
    found = store.list(prefix, recursive)
    if not found:
        raise ObjectNotFound(prefix)
    return found


def without_hidden(store: Any, prefix: str, recursive: bool) -> list[str]:
    return [key for key in store.list(prefix, recursive) if "/." not in key]


BROKEN: dict[str, type[FolderClient]] = {
    "round_trip_of_an_empty_file": IgnoresEmptyFiles,
    "round_trip_of_a_small_file": changed_data(bytes.strip),
    "round_trip_of_every_byte": changed_data(lambda data: data.replace(b"\r\n", b"\n")),
    "round_trip_of_a_large_file": changed_data(lambda data: data[: 5 << 20]),
    "upload_overwrites": KeepsTheFirst,
    "an_object_does_not_change_with_a_file": Links,
    "paths_are_texts_or_path_objects": AddsTexts,
    "upload_refuses_what_is_no_readable_file": StoresNothingForSomething,
    "keys_with_spaces": changed_keys(lambda key: key.replace(" ", "")),
    "keys_with_letters_of_any_language": changed_keys(lambda key: key.encode("ascii", "replace").decode()),
    "keys_with_plus_and_percent": changed_keys(unquote),
    "keys_with_dots": changed_list(without_hidden),
    "keys_with_signs": changed_keys(lambda key: key.partition("#")[0]),
    "keys_that_are_long": changed_keys(lambda key: key[:255]),
    "list_takes_a_prefix_as_a_text": changed_list(as_a_directory),
    "list_without_recursion_ends_at_the_next_slash": changed_list(lambda store, prefix, _: store.list(prefix, True)),
    "list_of_nothing_is_empty": changed_list(an_error_for_nothing),
    "list_gives_many_keys": changed_list(lambda store, prefix, deep: store.list(prefix, deep)[:299]),
    "list_is_fresh": Remembers,
    "exists_asks_for_an_object": TakesPrefixesForObjects,
    "copy_makes_a_second_object": Moves,
    "copy_overwrites": CopiesOnce,
    "copy_onto_itself_changes_nothing": EmptiesItself,
    "md5_is_right_or_empty": SumsOfNames,
    "download_of_what_is_not_there": LeavesAnEmptyFile,
    "copy_of_what_is_not_there": CopiesNothingInSilence,
    "md5_of_what_is_not_there": SumsOfNothing,
    "download_makes_directories": WantsDirectories,
    "download_replaces_a_file": LeavesTemporaryFiles,
    "parallel_calls": OneAtATime,
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_finds_the_client_that_breaks_its_promise(name: str, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    client = BROKEN[name](tmp_path / "store")
    with pytest.raises(Exception, match=r".") as caught:
        CHECKS[name](client, "p/", tmp_path / "files")
    assert not isinstance(caught.value, (AttributeError, NameError))


def test_every_check_says_what_the_promise_is() -> None:
    assert [name for name, check in CHECKS.items() if not check.__doc__] == []


def test_the_class_for_pytest_has_every_check() -> None:
    tests = {name for name in dir(StorageConformance) if name.startswith("test_")}
    assert tests == {f"test_{name}" for name in CHECKS}


def test_a_client_of_five_methods_is_checked_as_dflow_uses_it(tmp_path: Path) -> None:
    assert check_client(FiveMethods(tmp_path)) == []


def test_problems_are_lines_that_name_the_check_and_what_is_wrong(tmp_path: Path) -> None:
    problems = check_client(Moves(tmp_path / "store"), prefix="here/")
    assert [line for line in problems if line.startswith("copy_makes_a_second_object: ObjectNotFound: ")]
    assert "round_trip_of_a_small_file" not in "".join(problems)
    assert FolderClient(tmp_path / "store").list("") == ["here/"]


def test_more_keys_find_a_listing_that_ends_at_a_page(tmp_path: Path) -> None:
    client = changed_list(lambda store, prefix, deep: store.list(prefix, deep)[:350])(tmp_path / "store")
    few = {outcome.check: outcome.problem for outcome in run_checks(client)}
    more = {outcome.check: outcome.problem for outcome in run_checks(client, keys=351)}
    assert few["list_gives_many_keys"] is None
    assert "should give 351 keys" in str(more["list_gives_many_keys"])


def run_kit(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dflow.testing.storage", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def test_the_command_prints_a_table_and_passes_a_good_client(tmp_path: Path) -> None:
    text = "from dflow.storage.folder import FolderClient\nclient = FolderClient('store')\n"
    (tmp_path / "mine.py").write_text(text)
    done = run_kit("mine.client", "--keys", "20", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["passed", name] for name in CHECKS]
    assert lines[-1] == f"{len(CHECKS)} passed, 0 failed"


def test_the_command_fails_for_a_bad_client_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dflow.storage.folder import FolderClient\n"
        "class Mine(FolderClient):\n"
        "    def __init__(self): super().__init__('store')\n"
        "    def get_md5(self, key): return 'wrong'\n"
    )
    done = run_kit("mine:Mine", "--keys", "20", folder=tmp_path)
    assert done.returncode == 1
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert failed == ["md5_is_right_or_empty", "md5_of_what_is_not_there"]
    assert "get_md5() says 'wrong'" in done.stdout


def test_the_kit_does_not_need_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import dflow.testing.storage"
    subprocess.run([sys.executable, "-c", code], check=True)
