"""Disks that are full or cannot be written: the run stops and says why, and goes on when there is space."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from dflow import Workflow, config
from dflow.engine.errors import StateError
from dflow.engine.layout import RunLayout
from dflow.engine.lease import is_running
from dflow.local import continue_run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.hostile

PAGE = 4096


def _fill(place: Path, pages: int) -> Path:
    """Leave this many pages of a file system free."""
    filler = place / "filler"
    free = os.statvfs(place).f_bavail
    filler.write_bytes(b"x" * PAGE * max(0, free - pages))
    return filler


@pytest.mark.parametrize("pages", range(0, 60, 3))
def test_a_run_on_a_full_disk_stops_and_goes_on_when_there_is_space(chain, tmpfs, pages, capfd):
    config["debug_workdir"] = str(tmpfs)
    filler = _fill(tmpfs, pages)
    wf = chain()
    said = rf"cannot write {tmpfs}.*: No space left on device; free some space, then "
    with contextlib.suppress(StateError) if pages > 26 else pytest.raises(StateError, match=said):
        wf.submit()
    assert not is_running(RunLayout(tmpfs / "hostile"))
    filler.unlink()
    if (tmpfs / "hostile").exists():
        continue_run(RunLayout(tmpfs / "hostile"), again=lambda node: node.phase.is_failure)
    else:
        wf.submit()
    found = Workflow(id="hostile")
    assert found.query_status() == "Succeeded"
    assert [found.query_step(key=key)[0].outputs.parameters["x"].value for key in "abc"] == ["2", "3", "4"]


def test_too_few_inodes_are_a_full_disk_too(chain, tmpfs):
    config["debug_workdir"] = str(tmpfs)
    subprocess.run(["mount", "-o", "remount,nr_inodes=30", str(tmpfs)], check=True)
    with pytest.raises(StateError, match="No space left on device; free some space"):
        chain().submit()
    subprocess.run(["mount", "-o", "remount,nr_inodes=500", str(tmpfs)], check=True)
    assert continue_run(RunLayout(tmpfs / "hostile")).phase.is_ok


def test_a_run_that_cannot_be_written_any_more_can_be_read_and_goes_on_later(chain, tmpfs, dflow_cli):
    config["debug_workdir"] = str(tmpfs)
    wf = chain("test {{inputs.parameters.x}} != 2 || test -e ../../go || exit 1")
    wf.submit()
    assert wf.query_status() == "Failed"
    subprocess.run(["mount", "-o", "remount,ro", str(tmpfs)], check=True)
    place = str(tmpfs / "hostile")
    for words in (["get", place], ["getsteps", place], ["logs", place, "a"]):
        assert dflow_cli(*words).returncode == 0, words
    for words in (["resume", place], ["retry", place]):
        refused = dflow_cli(*words)
        assert refused.returncode == 1
        assert "Read-only file system" in refused.stderr
        assert "Traceback" not in refused.stderr
    other = chain()
    other.id = "other"
    with pytest.raises(StateError, match=r"cannot write .*other.*Read-only file system; choose a directory"):
        other.submit()
    subprocess.run(["mount", "-o", "remount,rw", str(tmpfs)], check=True)
    (tmpfs / "hostile" / "go").touch()
    assert dflow_cli("retry", place).returncode == 0
