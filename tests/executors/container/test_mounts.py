"""What a container sees of this machine's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow.engine.errors import LeafError
from dflow.executors.container.mounts import Mount, Mounts


@pytest.fixture
def run(tmp_path):
    """A run directory with a step ``a``."""
    (tmp_path / "run" / "a" / "inputs").mkdir(parents=True)
    return tmp_path / "run"


def _mounts(run):
    """The mounts beside those of the run and of its step, by target."""
    mounts = Mounts({})
    mounts.add(str(run))
    mounts.add(str(run / "a"), writable=True)
    mounts.follow(str(run / "a"))
    listed = mounts.listing()
    assert listed.index(Mount(str(run), str(run))) < listed.index(Mount(str(run / "a"), str(run / "a"), writable=True))
    assert not any(mount.writable for mount in listed if mount.target != str(run / "a"))
    return {mount.target: mount.source for mount in listed if not mount.target.startswith(str(run))}


def _link(run, goal, name="x"):
    (run / "a" / "inputs" / name).symlink_to(goal)


def _file(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_link_out_of_the_run_is_a_mount_of_what_it_leads_to(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    _link(run, file)
    assert _mounts(run) == {str(file): str(file)}


def test_a_relative_link_is_followed_from_where_it_lies(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    _link(run, "../../../data/file")
    assert _mounts(run) == {str(file): str(file)}


def test_a_link_inside_the_run_needs_no_mount(run):
    _link(run, _file(run / "b" / "outputs" / "file"))
    assert _mounts(run) == {}


def test_a_link_to_another_steps_link_is_followed_to_the_end(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    (run / "b").mkdir()
    (run / "b" / "out").symlink_to("../../data/file")
    _link(run, "../../b/out")
    assert _mounts(run) == {str(file): str(file)}


def test_links_in_another_steps_directory_are_followed(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    (run / "b" / "out" / "deep").mkdir(parents=True)
    (run / "b" / "out" / "deep" / "link").symlink_to(file)
    _link(run, "../../b/out")
    assert _mounts(run) == {str(file): str(file)}


def test_links_in_a_directory_of_the_user_are_followed(run, tmp_path):
    one, two = _file(tmp_path / "one" / "file"), _file(tmp_path / "two" / "file")
    (tmp_path / "one" / "link").symlink_to("../two/file")
    _link(run, tmp_path / "one")
    assert _mounts(run) == {str(one.parent): str(one.parent), str(two): str(two)}


def test_a_chain_of_links_out_of_the_run_ends_at_the_first_name(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    (tmp_path / "second").symlink_to("data/file")
    (tmp_path / "first").symlink_to("second")
    _link(run, tmp_path / "first")
    assert _mounts(run) == {str(tmp_path / "first"): str(file)}


def test_a_link_through_a_linked_directory_is_found_under_that_name(run, tmp_path):
    file = _file(tmp_path / "real" / "file")
    (tmp_path / "linked").symlink_to("real")
    _link(run, tmp_path / "linked" / "file")
    assert _mounts(run) == {str(tmp_path / "linked" / "file"): str(file)}


def test_a_run_that_is_reached_through_a_link_finds_its_inputs(run, tmp_path):
    file = _file(tmp_path / "data" / "file")
    away = tmp_path / "far" / "away"
    away.mkdir(parents=True)
    (away / "link").symlink_to(tmp_path)
    _link(run, os.path.relpath(file, run / "a" / "inputs"))
    mounts = Mounts({})
    mounts.add(str(away / "link" / "run"))
    mounts.follow(str(away / "link" / "run" / "a"))
    found = {mount.target: mount.source for mount in mounts.listing()}
    assert found == {str(away / "link" / "run"): str(run), str(away / "link" / "data" / "file"): str(file)}


def test_dangling_links_and_circles_are_left_alone(run, tmp_path):
    _link(run, tmp_path / "nowhere")
    _link(run, "y", "y")
    assert _mounts(run) == {}


def test_directories_that_lead_to_each_other_come_to_an_end(run, tmp_path):
    for name, other in (("one", "two"), ("two", "one")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(tmp_path / other)
    _link(run, tmp_path / "one")
    assert set(_mounts(run)) == {str(tmp_path / "one"), str(tmp_path / "two")}


@pytest.mark.parametrize("place", ["/", "/etc", "/usr", "/tmp", "/proc/cpuinfo", "/dev/null"])
def test_a_whole_disk_or_system_directory_is_refused(run, place):
    _link(run, place)
    with pytest.raises(LeafError, match=f"an input is {place}, which a container cannot get as a whole"):
        _mounts(run)


def test_links_to_programs_in_a_users_directory_stay_those_of_the_image(run, tmp_path):
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "sh").symlink_to("/usr/bin/env")
    (tmp_path / "venv" / "root").symlink_to("/")
    _link(run, tmp_path / "venv")
    assert set(_mounts(run)) == {str(tmp_path / "venv")}


def test_many_files_of_one_directory_are_that_directory(run, tmp_path):
    for number in range(100):
        _link(run, _file(tmp_path / "data" / str(number)), str(number))
    assert _mounts(run) == {str(tmp_path / "data"): str(tmp_path / "data")}


def test_workflows_that_the_step_has_submitted_are_not_looked_through(run, tmp_path):
    (run / "a" / "workflows").mkdir()
    (run / "a" / "workflows" / "x").symlink_to(_file(tmp_path / "data"))
    assert _mounts(run) == {}


def test_a_directory_is_looked_through_once_for_all_steps(run, tmp_path):
    folder = _file(tmp_path / "data" / "file").parent
    _link(run, folder)
    known: dict[str, tuple[str, ...]] = {}
    for _ in range(2):
        mounts = Mounts(known)
        mounts.add(str(run))
        mounts.follow(str(run / "a"))
        (folder / "later").symlink_to(_file(tmp_path / "other"))
        assert str(tmp_path / "other") not in [mount.target for mount in mounts.listing()]
        (folder / "later").unlink()
    assert known == {str(folder): ()}
    assert Path(folder).is_dir()
