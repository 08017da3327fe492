"""A change of an output after its step had ended is noticed, at the price of a stat."""

from __future__ import annotations

import os
import shutil

import pytest
from dflow.engine.marks import GONE, difference, mark


@pytest.fixture
def place(tmp_path):
    """An artifact as a Python OP leaves it: a directory with a catalog and a link to the file."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work/data.txt").write_text("one")
    (tmp_path / "out/.dflow").mkdir(parents=True)
    (tmp_path / "out/data.txt").symlink_to("../work/data.txt")
    return tmp_path


def _edit(path, text):
    path.write_text(text)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


@pytest.mark.parametrize("artifact", ["work/data.txt", "out"])
def test_what_is_left_alone_has_not_changed(place, artifact):
    path = str(place / artifact)
    assert difference(path, mark(path)) is None


@pytest.mark.parametrize("artifact", ["work/data.txt", "out"])
def test_a_file_that_is_edited_through_its_link_has_changed(place, artifact):
    path = str(place / artifact)
    before = mark(path)
    _edit(place / "work/data.txt", "two")
    assert difference(path, before) == "was changed (time)"
    _edit(place / "work/data.txt", "three")
    assert difference(path, before) == "was changed (size, time)"


def test_a_file_in_the_place_of_another_has_changed(place):
    before = mark(str(place / "out"))
    (place / "new").write_text("two")
    os.utime(place / "new", ns=(0, 12345))
    (place / "new").rename(place / "work/data.txt")
    assert difference(str(place / "out"), before) == "was changed (time, inode)"


def test_a_directory_of_several_files_has_changed_when_one_comes(place):
    (place / "out/more.txt").write_text("")
    before = mark(str(place / "out"))
    os.utime(place / "out", ns=(0, before[1]))
    (place / "out/third.txt").write_text("")
    assert difference(str(place / "out"), before).startswith("was changed (")


def test_what_is_gone_has_vanished(place):
    before = mark(str(place / "out"))
    shutil.rmtree(place / "out")
    assert mark(str(place / "out")) is None
    assert difference(str(place / "out"), before) == GONE


def test_a_copy_that_kept_its_times_has_not_changed(place):
    before = mark(str(place / "work/data.txt"))
    shutil.copy2(place / "work/data.txt", place / "copy")
    assert mark(str(place / "copy"))[2] != before[2]
    assert difference(str(place / "copy"), before) is None


@pytest.mark.parametrize("old", [None, [], "x", [1, 2]])
def test_a_record_without_a_mark_says_nothing(place, old):
    assert difference(str(place / "out"), old) is None
