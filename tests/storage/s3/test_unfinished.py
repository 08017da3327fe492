"""The note of an upload in parts, on disk."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from dflow.storage.s3 import S3Settings
from dflow.storage.s3.local_file import LocalFile
from dflow.storage.s3.unfinished import Upload, slip
from dflow.storage.s3.upload import MIB, PART, Buffers, etag_of_parts, part_size_for

SETTINGS = S3Settings(endpoint="host", bucket="b", access_key="a", secret_key="s")  # noqa: S106 - made up
UPLOAD = Upload("id-1", PART)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    return path


def notes():
    return [*Path(os.environ["XDG_CACHE_HOME"]).glob("dflow/uploads/*")]


def test_a_note_is_found_again_and_is_private(file):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        assert note.upload is None
        note.write(UPLOAD)
    [path] = notes()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        assert note.upload == UPLOAD
        note.remove()
    assert notes() == []


def test_a_file_that_has_changed_is_another_one(file):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
    file.write_bytes(b"abcd")
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        assert (note.upload, note.outdated) == (None, UPLOAD.id)


def test_another_key_has_another_note(file):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
    with LocalFile(str(file)) as opened, slip(SETTINGS, "other", opened) as note:
        assert (note.upload, note.outdated) == (None, "")


def test_a_note_that_somebody_holds_is_not_shared(file):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
        with slip(SETTINGS, "k", opened) as other:
            assert other.upload is None
            other.write(Upload("id-2", PART))
            other.remove()
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        assert note.upload == UPLOAD


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"upload": "x"}', b"\xff"])
def test_a_damaged_note_says_nothing(file, damage):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
    notes()[0].write_bytes(damage)
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        assert note.upload is None


def test_a_cache_that_cannot_be_written_costs_the_note_only(file, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
        assert note.upload == UPLOAD


def test_old_notes_are_removed(file):
    with LocalFile(str(file)) as opened, slip(SETTINGS, "k", opened) as note:
        note.write(UPLOAD)
    old = time.time() - 31 * 24 * 3600
    os.utime(notes()[0], (old, old))
    with LocalFile(str(file)) as opened, slip(SETTINGS, "other", opened):
        assert len(notes()) == 1


@pytest.mark.parametrize("size", [1, PART, 10_000 * PART, 10_000 * PART + 1, 5 << 40])
def test_there_are_never_more_than_ten_thousand_parts(size):
    part = part_size_for(size)
    assert part >= PART
    assert part % MIB == 0
    assert -(-size // part) <= 10_000


def test_the_etag_of_parts_is_the_sum_of_their_sums():
    assert etag_of_parts([bytes(16), bytes(16)]) == "70bc8f4b72a86921468bf8e8441dce51-2"


def test_a_buffer_larger_than_all_goes_alone():
    buffers = Buffers(10)
    with buffers.of(100):
        pass
    with buffers.of(5), buffers.of(5):
        pass
