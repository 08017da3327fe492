"""How many leaf steps begin in a stretch of time."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from dflow.engine.errors import ConfigError
from dflow.engine.model import Call, Literal
from dflow.engine.pace import Pace
from dflow.engine.settings import RunSettings, load_settings, save_settings


def test_a_stretch_begins_with_the_first_of_its_own():
    pace = Pace(2, 0.2)
    assert pace.left() == 0
    pace.begin()
    assert pace.left() == 0
    pace.begin()
    assert 0.1 < pace.left() <= 0.2
    time.sleep(0.25)
    assert pace.left() == 0
    pace.begin()
    pace.begin()
    assert 0.1 < pace.left() <= 0.2


def test_leaf_steps_begin_in_batches(runner, steps, shell, tmp_path):
    runner.settings = {"pool_workers": -1, "batch_size": 2, "batch_interval": 0.6}
    noting = shell("note", f"date +%s.%N >> {tmp_path}/times")
    start = time.time()
    runner.go(steps(tuple(Call(f"s{n}", "note") for n in range(5)), templates=[noting]))
    assert runner.status == "Succeeded"
    times = sorted(float(line) - start for line in (tmp_path / "times").read_text().split())
    assert len(times) == 5
    assert times[2] - times[0] > 0.5
    assert times[4] - times[2] > 0.5
    assert times[4] - times[0] < 3


def test_settings_of_batches_are_kept(tmp_path):
    settings = RunSettings(batch_size=3, batch_interval=1.5, namespace="here")
    save_settings(tmp_path / "settings", settings)
    assert load_settings(tmp_path / "settings") == settings


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": "many"}, {"batch_interval": -1}])
def test_wrong_batches_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"debug_{next(iter(wrong))} is"):
        RunSettings(**wrong)


def test_a_run_that_is_ended_does_not_wait_for_the_next_batch(runner, steps, shell):
    runner.settings = {"pool_workers": -1, "batch_size": 1, "batch_interval": 600}
    graph = steps(tuple(Call(f"s{n}", "note") for n in range(3)), templates=[shell("note", "true")])
    start = time.monotonic()
    runner.go(replace(graph, deadline=Literal("1")))
    assert runner.status == "Failed"
    assert time.monotonic() - start < 30
