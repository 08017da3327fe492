"""3.1.20 of the guide: a storage of the user's own."""

from __future__ import annotations

import abc
import inspect
import shutil
from abc import ABC
from pathlib import Path
from typing import List  # noqa: UP035 - the guide has it

import dflow.storage
import dflow.utils
from dflow import config, download_artifact, s3_config, upload_artifact

CLIENT = """\
class StorageClient(ABC):
    @abc.abstractmethod
    def upload(self, key: str, path: str) -> None:
        pass
    @abc.abstractmethod
    def download(self, key: str, path: str) -> None:
        pass
    @abc.abstractmethod
    def list(self, prefix: str, recursive: bool = False) -> List[str]:
        pass
    @abc.abstractmethod
    def copy(self, src: str, dst: str) -> None:
        pass
    @abc.abstractmethod
    def get_md5(self, key: str) -> str:
        pass
"""


def test_3_1_20_a_client_with_the_methods_of_the_guide_keeps_the_artifacts(tmp_path, monkeypatch):
    names = {"ABC": ABC, "abc": abc, "List": List}  # noqa: UP006
    exec(CLIENT, names)  # noqa: S102 - a block of the guide
    guide = names["StorageClient"]
    ours = dflow.utils.StorageClient
    assert ours is dflow.storage.StorageClient
    for name in guide.__abstractmethods__:
        assert list(inspect.signature(getattr(ours, name)).parameters) == list(
            inspect.signature(getattr(guide, name)).parameters
        )
    for base in (guide, ours):

        class Folder(base):
            root = tmp_path / base.__module__ / "bucket"

            def upload(self, key, path):
                (self.root / key).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.root / key)

            def download(self, key, path):
                shutil.copy(self.root / key, path)

            def list(self, prefix, recursive=False):
                files = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
                return [file for file in files if file.startswith(prefix)]

            def copy(self, src, dst):
                shutil.copy(self.root / src, self.root / dst)

            def get_md5(self, key):
                return dflow.utils.get_md5(self.root / key)

        monkeypatch.setitem(s3_config, "storage_client", Folder())
        config["debug_s3"] = True
        Path("foo.txt").write_text("foo")
        artifact = upload_artifact("foo.txt")
        assert s3_config["storage_client"].list(artifact.key) == [artifact.key]
        (copy,) = download_artifact(artifact, path=f"copy of {base.__module__}")
        assert Path(copy).read_text() == "foo"
