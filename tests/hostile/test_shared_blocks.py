"""Copies on a file system that can have files share their blocks."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from dflow.engine.state import copy_file, link_or_copy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.hostile
SIZE = 64 << 20


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or shutil.which("mkfs.xfs") is None:
        pytest.skip("needs root and mkfs.xfs")
    image, place = tmp_path / "image", tmp_path / "xfs"
    place.mkdir()
    with image.open("wb") as stream:
        stream.truncate(400 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False).returncode != 0:
        pytest.skip("no file can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def _free(place: Path) -> int:
    os.sync()
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def test_copies_share_their_blocks_and_nothing_else(xfs):
    data = os.urandom(SIZE)
    (xfs / "data").write_bytes(data)
    (xfs / "data").chmod(0o640)
    before = _free(xfs)
    copy_file(str(xfs / "data"), str(xfs / "copy"))
    (xfs / "tree").mkdir()
    (xfs / "tree" / "inner").write_text("x")
    (xfs / "tree" / "big").hardlink_to(xfs / "data")
    link_or_copy(xfs / "tree", xfs / "copied", "copy")
    assert before - _free(xfs) < SIZE // 16
    with (xfs / "data").open("r+b") as stream:
        stream.write(b"changed")
    assert (xfs / "copy").read_bytes() == (xfs / "copied" / "big").read_bytes() == data
    assert (xfs / "copy").stat().st_mode & 0o777 == 0o640
    with pytest.raises(shutil.SameFileError):
        copy_file(str(xfs / "copy"), str(xfs / "copy"))
