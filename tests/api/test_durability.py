"""What a finished step survives: always the end of a process; with ``durability="power"`` the end of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow import ShellOPTemplate, Step, Workflow, config
from dflow.engine.durability import sync_tree
from dflow.engine.errors import ConfigError


@pytest.fixture
def synced(monkeypatch):
    """The paths that were waited for, and the renames between them, in order."""
    seen = []
    fsync, replace = os.fsync, os.replace

    def record_sync(file):
        seen.append(("sync", str(Path(f"/proc/self/fd/{file}").readlink())))
        fsync(file)

    def record_replace(source, target):
        replace(source, target)
        seen.append(("replace", str(target)))

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_replace)
    return seen


def run():
    wf = Workflow("durable", id="durable")
    wf.add(Step("a", ShellOPTemplate("t", script="echo 1 > made.txt"), key="a"))
    wf.submit()
    assert wf.query_status() == "Succeeded"


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are named in /proc")


def test_with_power_all_that_a_step_made_is_on_the_disk_before_its_phase(synced, monkeypatch, tmp_path):
    monkeypatch.setitem(config, "durability", "power")
    run()
    place = str(tmp_path / "durable" / "a")
    _running, commit = [at for at, event in enumerate(synced) if event == ("replace", f"{place}/phase")]
    before = {path for what, path in synced[:commit] if what == "sync"}
    assert {f"{place}/workdir/made.txt", f"{place}/.step", f"{place}/log.txt", place} <= before
    after = [path for what, path in synced[commit:] if what == "sync"]
    assert after[:3] == [f"{place}/phase", place, str(tmp_path / "durable")]


def test_without_it_nobody_waits_for_the_disk(synced):
    run()
    assert [path for what, path in synced if what == "sync"] == []


def test_links_are_not_followed(synced, tmp_path):
    (tmp_path / "far").write_text("")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "far")
    sync_tree(tmp_path / "tree")
    assert synced == [("sync", str(tmp_path / "tree"))]


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setitem(config, "durability", "forever")
    with pytest.raises(ConfigError, match="durability is 'forever'; it must be one of 'kill', 'power'"):
        run()
