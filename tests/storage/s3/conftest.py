"""A real S3 server for all tests here that ask for it, and a client with a bucket of its own for each."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from dflow.storage.s3 import S3Client, S3Settings
from faulty_proxy import FaultyProxy
from needed import need
from s3_server import S3Server, why_not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from minio import Minio


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    """A server; its tests may kill and start it, and leave it running."""
    need(why_not())
    with S3Server() as started:
        yield started


@pytest.fixture
def minio(server: S3Server) -> Minio:
    """The other client: what ours is compared with."""
    from minio import Minio

    return Minio(server.endpoint, server.access_key, server.secret_key, secure=False)


@pytest.fixture
def settings(server: S3Server, minio: Minio) -> S3Settings:
    """Those of a bucket that is new."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    minio.make_bucket(bucket)
    return S3Settings(
        endpoint=server.endpoint, bucket=bucket, access_key=server.access_key, secret_key=server.secret_key
    )


@pytest.fixture
def client(settings: S3Settings) -> S3Client:
    """A client of a bucket that is new."""
    return S3Client(settings)


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultyProxy]:
    """What stands between ``broken_client`` and the server."""
    with FaultyProxy(server.port) as started:
        yield started


@pytest.fixture
def broken_client(proxy: FaultyProxy, settings: S3Settings) -> S3Client:
    """A client that goes through the proxy."""
    from dataclasses import replace

    return S3Client(replace(settings, endpoint=proxy.endpoint, region="us-east-1"))


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of some size whose bytes nobody can guess."""

    def make(size: int, name: str = "file.dat") -> Path:
        path, source = tmp_path / name, random.Random(size)  # noqa: S311 - the same each time
        with path.open("wb") as stream:
            for begin in range(0, size, 1 << 20):
                stream.write(source.randbytes(min(1 << 20, size - begin)))
        return path

    return make


@pytest.fixture
def same() -> Callable[[Any, Any], bool]:
    """Whether two files have the same content."""
    import filecmp

    return lambda one, other: filecmp.cmp(one, other, shallow=False)
