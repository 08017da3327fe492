"""Files go to a real server and come back as they were."""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import pytest
from dflow.engine.errors import ObjectNotFound, StateError, StorageError
from dflow.storage.s3 import S3Client
from dflow.storage.s3.copying import copy
from dflow.storage.s3.local_file import LocalFile
from dflow.storage.s3.sums import crc_of_file
from dflow.storage.s3.upload import PART

pytestmark = pytest.mark.s3
KEYS = ["plain", "a/b/c.txt", "with space+plus", "ü/ß&=?#.dat", "100%", "a//b"]


@pytest.mark.parametrize("size", [0, 1, 4096, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 12345])
def test_a_file_of_any_size_comes_back(client, make_file, same, tmp_path, size):
    path = make_file(size)
    client.upload("a/x", str(path))
    assert client.stat("a/x").size == size
    client.download("a/x", str(tmp_path / "new" / "directory" / "x"))
    assert same(path, tmp_path / "new" / "directory" / "x")


@pytest.mark.parametrize("key", KEYS)
def test_any_key_is_stored_listed_and_copied(client, make_file, same, tmp_path, key):
    path = make_file(100)
    client.upload(key, str(path))
    assert client.list("", recursive=True) == [key]
    assert client.exists(key)
    client.copy(key, "copy")
    client.download("copy", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")
    client.delete([key, "copy", "never was"])
    assert client.list("", recursive=True) == []


def test_more_keys_than_one_answer_holds_are_listed_sorted(client, make_file):
    path = str(make_file(1))
    keys = sorted(f"many/{number % 3}/{number}" for number in range(1100))
    with ThreadPoolExecutor(client.parallel) as pool:
        assert list(pool.map(lambda key: client.upload(key, path), keys)) == [None] * 1100
    assert client.list("many/", recursive=True) == keys
    assert client.list("many/") == ["many/0/", "many/1/", "many/2/"]
    assert client.list("many/1") == ["many/1/"]
    client.delete(keys)
    assert client.list("") == []


def test_the_sum_is_known_of_what_was_sent_in_one_go(client, make_file):
    path = make_file(1000)
    client.upload("small", str(path))
    client.upload("large", str(make_file(PART + 1, "large")))
    assert client.get_md5("small") == hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    assert client.get_md5("large") == ""


@pytest.mark.parametrize("call", ["download", "get_md5", "copy", "stat"])
def test_what_is_not_there_is_not_found(client, tmp_path, call):
    arguments = {"download": [str(tmp_path / "x")], "copy": ["other"]}.get(call, [])
    with pytest.raises(ObjectNotFound, match="'nowhere'"):
        getattr(client, call)("nowhere", *arguments)
    assert not client.exists("nowhere")
    assert [path for path in tmp_path.iterdir() if "x" in path.name] == []


def test_what_others_have_stored_in_one_piece_is_read_in_ranges_and_checked(client, minio, make_file, same, tmp_path):
    path = make_file(3 * PART + 5)
    minio.fput_object(client.settings.bucket, "x", str(path), part_size=5 * PART)
    assert client.get_md5("x") == hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")


def test_what_others_have_stored_in_parts_is_read(client, minio, make_file, same, tmp_path):
    path = make_file(2 * PART + 5)
    minio.fput_object(client.settings.bucket, "x", str(path), part_size=5 << 20)
    client.download("x", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")
    minio.fget_object(client.settings.bucket, "x", str(tmp_path / "theirs"))


@pytest.mark.parametrize("right", [True, False])
def test_a_large_object_is_checked_by_the_crc_that_was_stored_with_it(client, minio, make_file, tmp_path, right):
    path = make_file(2 * PART + 5)
    with LocalFile(str(path)) as file:
        crc = crc_of_file(file, PART) if right else "00000000"
    metadata = {"dflow-part-size": str(PART), "dflow-crc32-of-parts": crc}
    minio.fput_object(client.settings.bucket, "x", str(path), part_size=PART, metadata=metadata)
    with nullcontext() if right else pytest.raises(StorageError, match="CRC"):
        client.download("x", str(tmp_path / "back"))
    assert (tmp_path / "back").exists() == right
    client.upload("y", str(path))
    assert client.stat("y").crc == crc_of_file_at(path)


def crc_of_file_at(path):
    with LocalFile(str(path)) as file:
        return crc_of_file(file, PART)


def test_a_large_object_is_copied_in_parts(client, make_file, same, tmp_path):
    path = make_file(2 * PART + 5)
    client.upload("x", str(path))
    copy(client._calls, "x", "y", largest=PART, part_size=PART)
    assert client.stat("y").etag == client.stat("x").etag
    client.download("y", str(tmp_path / "back"))
    assert same(path, tmp_path / "back")


def test_a_file_has_the_rights_that_the_umask_says_and_nothing_is_left_beside_it(client, make_file, tmp_path):
    client.upload("x", str(make_file(100)))
    place = tmp_path / "out"
    before = os.umask(0o027)
    try:
        client.download("x", str(place / "x"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((place / "x").stat().st_mode) == 0o640
    assert [path.name for path in place.iterdir()] == ["x"]


def test_the_old_file_stays_when_a_download_fails(client, tmp_path):
    (tmp_path / "x").write_text("old")
    with pytest.raises(ObjectNotFound):
        client.download("nowhere", str(tmp_path / "x"))
    assert (tmp_path / "x").read_text() == "old"


def test_a_directory_is_neither_sent_nor_replaced(client, make_file, tmp_path):
    client.upload("x", str(make_file(1)))
    with pytest.raises(StorageError, match="it is not a file"):
        client.upload("d", str(tmp_path))
    with pytest.raises(StateError, match="there is a directory of that name"):
        client.download("x", str(tmp_path))
    with pytest.raises(StorageError, match="No such file"):
        client.upload("d", str(tmp_path / "missing"))


def test_a_client_works_after_a_fork_and_a_pickle(client, make_file):
    client.upload("x", str(make_file(1)))
    child = os.fork()
    if child == 0:
        os._exit(0 if client.exists("x") and client.list("") == ["x"] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert pickle.loads(pickle.dumps(client)).exists("x")  # noqa: S301 - ours
    assert client.exists("x")


def test_keys_are_found_in_the_environment(settings, monkeypatch):
    monkeypatch.setenv("MINIO_ACCESS_KEY", settings.access_key)
    monkeypatch.setenv("MINIO_SECRET_KEY", settings.secret_key)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert S3Client(replace(settings, access_key=None, secret_key=None)).list("") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"access_key": "nobody"}, "InvalidAccessKeyId: it does not know the access key; check s3_config"),
        ({"secret_key": "wrong-secret"}, "SignatureDoesNotMatch: the secret key does not belong to the access key"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket: there is no such bucket; create it, or check s3_config"),
    ],
)
@pytest.mark.parametrize("call", ["upload", "download", "stat", "list", "exists"])
def test_a_wrong_setting_is_named_by_every_call(settings, make_file, tmp_path, change, says, call):
    client = S3Client(replace(settings, **change))
    more = {"upload": [str(make_file(10))], "download": [str(tmp_path / "x")]}.get(call, [])
    with pytest.raises(StorageError, match=says) as caught:
        getattr(client, call)("key", *more)
    assert "wrong-secret" not in str(caught.value)
    assert not isinstance(caught.value, ObjectNotFound)
