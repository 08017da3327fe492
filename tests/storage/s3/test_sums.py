"""The sums that transfers are checked by."""

from __future__ import annotations

import os
import zlib

import pytest
from dflow.engine.errors import StorageError
from dflow.storage.s3 import sums
from dflow.storage.s3.local_file import LocalFile
from dflow.storage.s3.sums import Crc, crc_of_file, crc_of_parts


def test_a_crc_grows_with_its_pieces():
    crc = Crc()
    for piece in (b"one", b"two", memoryview(b"three")):
        crc.update(piece)
    assert crc.digest() == zlib.crc32(b"onetwothree").to_bytes(4, "big")


@pytest.mark.parametrize("size", [1, 1 << 20, (5 << 20) + 3])
def test_the_crc_of_a_file_is_that_of_its_parts(tmp_path, size):
    data = os.urandom(size)
    (tmp_path / "x").write_bytes(data)
    part = 2 << 20
    parts = [zlib.crc32(data[i : i + part]).to_bytes(4, "big") for i in range(0, size, part)]
    with LocalFile(str(tmp_path / "x")) as file:
        assert crc_of_file(file, part) == crc_of_parts(parts)


def test_a_file_that_does_not_stay_in_memory_is_not_read_twice(tmp_path, monkeypatch):
    (tmp_path / "x").write_bytes(b"x" * 100)
    monkeypatch.setattr(sums, "_WORTH_READING_TWICE", 99)
    with LocalFile(str(tmp_path / "x")) as file:
        assert crc_of_file(file, 10) == ""


def test_a_file_that_became_shorter_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(b"x" * 100)
    with LocalFile(str(tmp_path / "x")) as file:
        os.truncate(tmp_path / "x", 50)
        with pytest.raises(StorageError):
            crc_of_file(file, 10)
