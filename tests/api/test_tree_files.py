"""Links, copies and moves of files and trees, as scripts take them from ``dflow.utils``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from dflow.utils import copy_file, force_link, force_move, link, linktree, merge_dir, try_link


@pytest.fixture(autouse=True)
def two_trees(tmp_path, monkeypatch):
    """Trees a (x, s/y) and b (x, z, s/q) in the current directory."""
    monkeypatch.chdir(tmp_path)
    for place, text in {"a/x": "new", "a/s/y": "y", "b/x": "old", "b/z": "z", "b/s/q": "q"}.items():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(text)


def files(root):
    return {str(p.relative_to(root)): p.read_text() for p in sorted(Path(root).rglob("*")) if p.is_file()}


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def is_one_file(*places):
    return len({os.lstat(place).st_ino for place in places}) == 1


def other_file_system() -> Path | None:
    here = Path().stat().st_dev
    places = (Path("/dev/shm"), Path("/var/tmp"))
    return next((place for place in places if place.is_dir() and place.stat().st_dev != here), None)


def test_link_is_a_hard_link_to_the_file_that_a_symbolic_link_leads_to():
    Path("a/l").symlink_to("x")
    link("a/l", "c")
    assert is_one_file("a/x", "c")
    assert not Path("c").is_symlink()


def test_link_takes_the_place_of_nothing():
    with pytest.raises(FileExistsError):
        link("a/x", "b/x")
    assert Path("b/x").read_text() == "old"


def test_try_link_links_and_takes_the_place_of_a_file():
    try_link("a/x", "b/x")
    assert is_one_file("a/x", "b/x")
    try_link("a/x", "b/x")
    assert Path("b/x").read_text() == "new"


def test_try_link_copies_where_there_can_be_no_link(tmp_path):
    place = other_file_system()
    if place is None:
        pytest.skip("one file system only")
    target = place / f"{tmp_path.name}-{os.getpid()}"
    try:
        try_link("a/x", target)
        assert target.read_text() == "new"
    finally:
        target.unlink(missing_ok=True)


def test_try_link_refuses_a_directory():
    with pytest.raises(IsADirectoryError):
        try_link("a", "c")


def test_force_link_takes_the_place_of_a_link_and_of_nothing_else():
    Path("l").symlink_to("nowhere")
    force_link("a/x", "l")
    assert str(Path("l").readlink()) == "a/x"
    with pytest.raises(FileExistsError):
        force_link("a/x", "b/x")
    force_link("a/x", "hard", os.link)
    assert is_one_file("a/x", "hard")


def test_force_move_takes_the_place_of_a_file_but_not_of_a_directory():
    force_move("a/x", "b/x")
    assert files("b")["x"] == "new"
    assert not Path("a/x").exists()
    with pytest.raises(IsADirectoryError):
        force_move("b/x", "b/s")
    assert files("b")["s/q"] == "q"


def test_force_move_goes_to_another_file_system(tmp_path):
    place = other_file_system()
    if place is None:
        pytest.skip("one file system only")
    target = place / f"{tmp_path.name}-{os.getpid()}-moved"
    try:
        force_move("a/x", target)
        assert (target.read_text(), Path("a/x").exists()) == ("new", False)
    finally:
        target.unlink(missing_ok=True)


def test_copy_file_makes_parents_and_links():
    copy_file("a/x", "n/m/x")
    assert is_one_file("a/x", "n/m/x")


def test_copy_file_puts_a_directory_in_place_of_another():
    copy_file("a", "b", shutil.copy)
    assert files("b") == files("a")
    assert not is_one_file("a/x", "b/x")


def test_copy_file_of_a_tree_onto_itself_keeps_it():
    copy_file("a", "a")
    assert files("a") == {"x": "new", "s/y": "y"}


def test_copy_file_does_not_remove_its_source_with_what_is_in_its_place():
    with pytest.raises(FileExistsError):
        copy_file("b/s", "b")
    assert files("b") == {"x": "old", "z": "z", "s/q": "q"}


def test_copy_file_says_that_there_is_nothing():
    with pytest.raises(FileNotFoundError, match="there is no nix"):
        copy_file("nix", "n/x")
    assert not Path("n").exists()


def test_linktree_makes_links_that_lead_to_the_files():
    linktree("a", "c/d")
    assert files("c/d") == files("a")
    assert Path("c/d/s/y").is_symlink()
    assert not Path("c/d/s").is_symlink()


def test_linktree_takes_the_place_of_links_and_not_of_files():
    Path("c").mkdir()
    Path("c/x").symlink_to("nowhere")
    linktree("a", "c")
    assert files("c") == files("a")
    with pytest.raises(FileExistsError):
        linktree("a", "b")
    assert files("b")["x"] == "old"


def test_merge_dir_moves_every_file_to_its_place():
    merge_dir("a", "b")
    assert files("b") == {"x": "new", "z": "z", "s/q": "q", "s/y": "y"}
    assert files("a") == {}


def test_merge_dir_can_copy_and_makes_directories():
    merge_dir("a", "n/c", shutil.copy)
    assert files("n/c") == files("a") == {"x": "new", "s/y": "y"}


def test_a_tree_goes_into_itself_without_end():
    linktree("a", "a/inner")
    assert files("a/inner") == {"x": "new", "s/y": "y"}


@pytest.fixture
def elsewhere(tmp_path):
    """A directory of another file system."""
    place = other_file_system()
    if place is None:
        pytest.skip("one file system only")
    folder = place / f"{tmp_path.name}-{os.getpid()}-elsewhere"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_move_from_another_file_system_takes_the_place_of_a_name_alone(make, elsewhere):
    (elsewhere / "x").write_text("moved")
    make(Path("b/x").absolute(), "b/name")
    force_move(elsewhere / "x", "b/name")
    assert (Path("b/x").read_text(), Path("b/name").read_text()) == ("old", "moved")
    assert not Path("b/name").is_symlink()
    assert list(elsewhere.iterdir()) == []


def test_a_move_from_another_file_system_does_not_go_into_a_linked_directory(elsewhere):
    (elsewhere / "x").write_text("moved")
    Path("l").symlink_to("b")
    force_move(elsewhere / "x", "l")
    assert (Path("l").read_text(), sorted(files("b"))) == ("moved", ["s/q", "x", "z"])


def test_a_directory_is_moved_with_its_links_in_place_of_a_file(elsewhere):
    (elsewhere / "d").mkdir()
    (elsewhere / "d/l").symlink_to("nowhere")
    force_move(elsewhere / "d", "b/x")
    assert str(Path("b/x/l").readlink()) == "nowhere"
    force_move("a", "b/z")
    assert (files("b/z"), Path("a").exists()) == ({"x": "new", "s/y": "y"}, False)


def test_a_move_that_breaks_half_way_keeps_both(elsewhere, monkeypatch):
    def full(*args, **kwargs):
        Path(args[1]).write_text("o")
        raise OSError(28, "No space left on device")

    (elsewhere / "x").write_text("moved")
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left"):
        force_move(elsewhere / "x", "b/x")
    assert (files("b")["x"], (elsewhere / "x").read_text()) == ("old", "moved")
    assert names("b") == ["s", "x", "z"]


def test_one_of_two_names_of_a_file_is_moved_to_the_other():
    os.link("a/x", "a/other")
    force_move("a/other", "a/x")
    assert names("a") == ["s", "x"]
    force_move("a/x", "a/../a/x")
    assert Path("a/x").read_text() == "new"


def test_a_link_is_not_made_to_lead_to_itself():
    Path("b/l").symlink_to("x")
    force_link("b/l", "b/l")
    linktree("b", "b")
    assert str(Path("b/l").readlink()) == "x"
    assert files("b") == {"x": "old", "z": "z", "s/q": "q", "l": "old"}


def test_a_link_that_cannot_be_made_leaves_the_old_one():
    Path("b/l").symlink_to("x")
    with pytest.raises(FileNotFoundError):
        force_link("nix", "b/l", os.link)
    assert str(Path("b/l").readlink()) == "x"
    assert names("b") == ["l", "s", "x", "z"]


def test_try_link_makes_a_hard_link_of_a_symbolic_one():
    Path("a/l").symlink_to("x")
    try_link("a/x", "a/l")
    assert is_one_file("a/x", "a/l")
    with pytest.raises(FileNotFoundError):
        try_link("nix", "a/l")
    assert Path("a/l").read_text() == "new"


def test_merge_dir_replaces_files_by_directories_and_the_other_way_round():
    Path("a/z").mkdir()
    Path("a/z/inner").write_text("inner")
    shutil.rmtree("a/s")
    Path("a/s").write_text("a file")
    merge_dir("a", "b")
    assert files("b") == {"x": "new", "s": "a file", "z/inner": "inner"}


def test_merge_dir_leaves_what_lies_outside_of_the_tree():
    Path("out").mkdir()
    Path("out/f").write_text("f")
    Path("a/l").symlink_to("../out")
    Path("b/x").unlink()
    Path("b/x").symlink_to("z")
    merge_dir("a", "b")
    assert files("b") == {"x": "new", "z": "z", "s/q": "q", "s/y": "y", "l/f": "f"}
    assert files("out") == {"f": "f"}


def test_copy_file_takes_the_place_of_a_file_and_of_a_link_to_a_directory():
    copy_file("a", "b/x")
    assert files("b/x") == files("a")
    Path("l").symlink_to("b")
    copy_file("a", "l")
    assert (Path("l").is_symlink(), files("l")) == (False, files("a"))
    assert Path("b/z").read_text() == "z"


def test_a_copy_that_cannot_be_made_leaves_what_was_there():
    Path("a/dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        copy_file("a", "b")
    assert files("b") == {"x": "old", "z": "z", "s/q": "q"}
    assert names() == ["a", "b"]


def test_copy_file_does_not_take_the_place_of_a_part_of_its_source():
    with pytest.raises(FileExistsError, match="holds"):
        copy_file("a", "a/s")
    assert files("a") == {"x": "new", "s/y": "y"}


@pytest.mark.parametrize("act", [merge_dir, copy_file, linktree])
def test_a_tree_without_end_is_refused_before_anything_is_done(act):
    for name in ("k", "l", "m"):
        Path("a/s", name).symlink_to("..")
    with pytest.raises(ValueError, match="a/s/k leads to a directory that it lies in"):
        act("a", "c")
    assert not Path("c").exists()
    assert Path("a/x").read_text() == "new"
