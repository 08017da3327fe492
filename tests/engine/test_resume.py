"""What an earlier attempt finished is read from its directories, and only what is whole is trusted."""

from __future__ import annotations

import json

import pytest
from dflow.engine.layout import RunLayout
from dflow.engine.phase import Phase
from dflow.engine.resume import finished_nodes


@pytest.fixture
def layout(tmp_path):
    layout = RunLayout(tmp_path / "wf-1")
    layout.private.mkdir(parents=True)
    return layout


def _step(layout, name="k", phase="Succeeded", **record):
    step = layout.step(name)
    step.root.mkdir()
    step.phase.write_text(phase)
    data = {"id": "i", "name": f"wf-1[0].{name}", "displayName": name, "type": "Pod", "template": "t", "dir": name}
    step.record.write_text(json.dumps({**data, **record}))
    return step


def test_a_finished_step_is_found_with_all_that_is_known_of_it(layout):
    _step(layout, key="k", parent="wf-1", exitCode=3, started=1.5, finished=2, usage={"cpu": 1.0}, message="m")
    node = finished_nodes(layout, None)["wf-1[0].k"]
    assert (node.display, node.key, node.parent, node.exit_code) == ("k", "k", "wf-1", 3)
    assert (node.started, node.finished, node.usage, node.message) == (1.5, 2.0, {"cpu": 1.0}, "m")
    assert node.phase is Phase.SUCCEEDED
    assert node.place.root == layout.root / "k"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Error"])
def test_every_final_phase_counts(layout, phase):
    _step(layout, phase=phase)
    assert [n.phase for n in finished_nodes(layout, None).values()] == [Phase(phase)]


@pytest.mark.parametrize("phase", ["Running", "Pending", "", "Succ", "succeeded", "\0\0\0"])
def test_a_phase_that_is_not_final_or_garbage_is_not_trusted(layout, phase):
    _step(layout, phase=phase)
    assert finished_nodes(layout, None) == {}


def test_a_step_without_phase_is_not_trusted(layout):
    _step(layout).phase.unlink()
    assert finished_nodes(layout, None) == {}


def test_a_step_without_record_is_not_trusted(layout):
    _step(layout).record.unlink()
    assert finished_nodes(layout, None) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "Pod"', "\0"])
def test_a_damaged_record_is_not_trusted(layout, text):
    _step(layout).record.write_text(text)
    assert finished_nodes(layout, None) == {}


def test_a_directory_that_was_moved_is_not_trusted(layout):
    _step(layout).root.rename(layout.root / "k.bk1")
    assert finished_nodes(layout, None) == {}


def test_directories_of_groups_are_not_steps(layout):
    _step(layout, type="Steps")
    assert finished_nodes(layout, None) == {}


def test_files_and_the_private_directory_are_passed_over(layout):
    layout.status.write_text("Running")
    _step(layout)
    assert len(finished_nodes(layout, None)) == 1


def test_steps_that_are_to_run_again_are_left_out(layout):
    _step(layout, "a")
    _step(layout, "b", phase="Failed")
    assert list(finished_nodes(layout, lambda node: node.phase.is_failure)) == ["wf-1[0].a"]


def test_odd_values_in_a_record_become_none(layout):
    _step(layout, exitCode="x", started=None, usage=[1], key=None)
    node = finished_nodes(layout, None)["wf-1[0].k"]
    assert (node.exit_code, node.started, node.usage, node.key) == (None, None, None, None)
