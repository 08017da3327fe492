"""Outputs of an OP that runs in a container."""

from __future__ import annotations

import pytest
from dflow.python.step_files import linker


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "run" / "step").mkdir(parents=True)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "file").write_text("x")
    monkeypatch.setenv("DFLOW_CONTAINER", str(tmp_path / "run"))
    return tmp_path / "run"


def test_what_lies_outside_of_the_run_is_copied(run, tmp_path):
    linker("symlink")(tmp_path / "gone" / "file", run / "step" / "out")
    linker("symlink")(tmp_path / "gone", run / "step" / "folder")
    assert not (run / "step" / "out").is_symlink()
    assert (run / "step" / "folder" / "file").stat().st_nlink == 1


def test_what_lies_in_the_run_is_linked(run):
    (run / "file").write_text("x")
    linker("symlink")(run / "file", run / "step" / "out")
    assert (run / "step" / "out").is_symlink()


def test_outside_of_containers_all_is_linked(run, tmp_path, monkeypatch):
    monkeypatch.delenv("DFLOW_CONTAINER")
    linker("symlink")(tmp_path / "gone" / "file", run / "step" / "out")
    assert (run / "step" / "out").is_symlink()
