"""Folders of artifacts in other artifacts: what walks through them finds their files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from dflow.engine.linked_folders import link_folders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a/task/deep").mkdir(parents=True)
    (tmp_path / "a/task/deep/log").write_text("x")
    return tmp_path / "a"


def test_a_walk_finds_the_files_of_a_folder(root, tmp_path):
    link_folders(str(root), "task", tmp_path / "b/task")
    assert [files for _, _, files in os.walk(tmp_path / "b")] == [[], [], ["log"]]
    assert (tmp_path / "b/task/deep/log").samefile(root / "task/deep/log")


def test_what_a_step_puts_into_its_folder_is_not_in_the_other_one(root, tmp_path):
    link_folders(str(root), "task", tmp_path / "b")
    (tmp_path / "b/deep/new").write_text("mine")
    assert [entry.name for entry in (root / "task/deep").iterdir()] == ["log"]


def test_a_file_is_a_link(root, tmp_path):
    link_folders(str(root), "task/deep/log", tmp_path / "b/log")
    assert (tmp_path / "b/log").readlink().as_posix() == "../a/task/deep/log"


def test_files_that_the_artifact_only_leads_to_are_not_touched(root, tmp_path):
    (tmp_path / "upload").mkdir()
    (tmp_path / "upload/u").symlink_to(root / "task")
    link_folders(str(tmp_path / "upload"), "u", tmp_path / "b")
    assert (tmp_path / "b/deep/log").is_symlink()
    assert (tmp_path / "b/deep/log").read_text() == "x"
    assert (root / "task/deep/log").stat().st_nlink == 1


def test_links_are_not_followed(root, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/data").write_text("far")
    (root / "task/out").symlink_to(tmp_path / "far")
    (root / "task/loop").symlink_to(".")
    (root / "task/nowhere").symlink_to("gone")
    link_folders(str(root), "task", tmp_path / "b/c")
    assert (tmp_path / "b/c/loop").readlink().as_posix() == "."
    assert (tmp_path / "b/c/out").readlink().as_posix() == "../../far"
    assert (tmp_path / "b/c/out/data").read_text() == "far"
    assert (tmp_path / "b/c/nowhere").readlink().as_posix() == "gone"


def test_once_more_changes_nothing(root, tmp_path):
    link_folders(str(root), "task", tmp_path / "b")
    (tmp_path / "b/deep/own").write_text("kept")
    link_folders(str(root), "task", tmp_path / "b")
    assert sorted(entry.name for entry in (tmp_path / "b/deep").iterdir()) == ["log", "own"]


def test_a_folder_that_holds_the_target_is_a_link(root):
    link_folders(str(root), "task", root / "task/run/b")
    assert (root / "task/run/b").is_symlink()
    assert (root / "task/run/b/deep/log").exists()
