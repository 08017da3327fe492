"""Files of a run directory are the old ones or the new ones, never halves."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from dflow.engine import state
from dflow.engine.errors import StateError
from dflow.engine.layout import RunLayout
from dflow.engine.phase import Phase


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def step(tmp_path):
    step = RunLayout(tmp_path / "wf").step("k")
    step.root.mkdir(parents=True)
    return step


@pytest.fixture
def files(tmp_path):
    """A file and a directory with a file in it, far from where they are linked to."""
    (tmp_path / "from" / "dir" / "sub").mkdir(parents=True)
    (tmp_path / "from" / "file").write_text("f")
    (tmp_path / "from" / "dir" / "sub" / "x").write_text("x")
    return tmp_path / "from"


# -- write_text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["replace", "write", "open"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, function):
    target = tmp_path / "status"
    target.write_text("old")

    def fail(*args):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.raises(StateError, match=r"cannot write .*/status: Input/output error"):
            state.write_text(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["status"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "No space left on device; free some space, then resume"),
        (errno.EDQUOT, "free some of your quota, then resume"),
        (errno.EROFS, "DFLOW_DEBUG_WORKDIR, then resume"),
        (errno.EACCES, "check the owner and mode, then resume"),
    ],
)
def test_the_error_of_a_write_says_what_to_do(tmp_path, monkeypatch, number, advice):
    def fail(file, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(StateError) as caught:
        state.write_text(tmp_path / "phase", "Running")
    assert str(caught.value).startswith(f"cannot write {tmp_path / 'phase'}: ")
    assert str(caught.value).endswith(advice)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_write_that_takes_several_calls_is_complete(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    state.write_text(tmp_path / "x", "0123456789é")
    assert (tmp_path / "x").read_text() == "0123456789é"


def test_bytes_that_are_no_utf_8_come_back_as_they_were(tmp_path):
    state.write_text(tmp_path / "x", b"\xff\n".decode("utf-8", "surrogateescape"))
    assert (tmp_path / "x").read_bytes() == b"\xff\n"


def test_json_is_private_and_texts_follow_the_umask(tmp_path):
    mask = os.umask(0o022)
    try:
        state.write_json(tmp_path / "json", {"ü": 1})
        state.write_text(tmp_path / "text", "x")
        state.write_text(tmp_path / "script", "x", mode=0o755)
    finally:
        os.umask(mask)
    assert _mode(tmp_path / "json") == 0o600
    assert _mode(tmp_path / "text") == 0o644
    assert _mode(tmp_path / "script") == 0o755


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phase"), [("Succeeded", Phase.SUCCEEDED), ("Failed\n", Phase.FAILED), ("Succ", None), ("", None)]
)
def test_a_phase_is_read_or_is_none(step, text, phase):
    step.phase.write_text(text)
    assert state.read_phase(step) is phase


def test_a_phase_that_is_no_text_is_none(step):
    step.phase.write_bytes(b"\xff\xfe")
    assert state.read_phase(step) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "\0"])
def test_a_damaged_record_is_none(step, text):
    step.record.write_text(text)
    assert state.read_record(step) is None


# -- set_aside --------------------------------------------------------------------------------------------------------


def test_unfinished_directories_are_numbered(step):
    for number in (1, 2, 3):
        step.root.mkdir(exist_ok=True)
        (step.root / "mark").write_text(str(number))
        assert state.set_aside(step) == step.root.with_name(f"k.bk{number}")
    assert [(step.root.parent / f"k.bk{n}" / "mark").read_text() for n in (1, 2, 3)] == ["1", "2", "3"]


def test_there_is_nothing_to_set_aside_in_an_empty_place(step):
    step.root.rmdir()
    assert state.set_aside(step) is None


def test_runs_are_found_again_where_an_attempt_before_the_last_left_them(step):
    (step.runs / "inner").mkdir(parents=True)
    state.set_aside(step)
    step.root.mkdir()  # killed before it could take them over
    state.set_aside(step)
    step.root.mkdir()
    state.take_over_runs(step)
    assert (step.runs / "inner").is_dir()


# -- link_or_copy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["symlink", "link", "copy"])
def test_every_method_gives_a_file_and_a_directory(files, tmp_path, method):
    to = tmp_path / "a" / "b"
    state.link_or_copy(files / "file", to / "file", method)
    state.link_or_copy(files / "dir", to / "dir", method)
    assert (to / "file").read_text() == "f"
    assert (to / "dir" / "sub" / "x").read_text() == "x"


def test_a_symlink_is_relative_so_that_a_run_can_be_moved(files, tmp_path):
    state.link_or_copy(files / "file", tmp_path / "a" / "b" / "file", "symlink")
    assert (tmp_path / "a" / "b" / "file").readlink() == Path("../../from/file")


def test_a_symlink_made_through_a_linked_folder_points_to_its_source(files, tmp_path):
    (tmp_path / "deep" / "er" / "real").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "deep" / "er" / "real")
    state.link_or_copy(files / "file", tmp_path / "short" / "file", "symlink")
    assert (tmp_path / "short" / "file").read_text() == "f"


def test_hard_links_share_the_file(files, tmp_path):
    state.link_or_copy(files / "dir", tmp_path / "to", "link")
    assert (tmp_path / "to" / "sub" / "x").samefile(files / "dir" / "sub" / "x")


def test_hard_links_become_copies_on_another_file_system(files, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    state.link_or_copy(files / "file", tmp_path / "to", "link")
    assert (tmp_path / "to").read_text() == "f"


@pytest.mark.parametrize("method", ["link", "copy"])
def test_a_link_is_followed_when_it_is_not_linked_again(files, tmp_path, method):
    (files / "alias").symlink_to("file")
    state.link_or_copy(files / "alias", tmp_path / "to", method)
    assert not (tmp_path / "to").is_symlink()
    assert (tmp_path / "to").read_text() == "f"


def test_a_copy_is_independent(files, tmp_path):
    state.link_or_copy(files / "dir", tmp_path / "to", "copy")
    (tmp_path / "to" / "sub" / "x").write_text("changed")
    assert (files / "dir" / "sub" / "x").read_text() == "x"


def test_a_place_that_is_taken_is_an_error_that_names_it(files, tmp_path):
    (tmp_path / "to").write_text("mine")
    with pytest.raises(StateError, match=f"cannot write {tmp_path}/to: File exists"):
        state.link_or_copy(files / "file", tmp_path / "to", "symlink")
    assert (tmp_path / "to").read_text() == "mine"
