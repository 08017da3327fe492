"""Parallelism really limits, and really is parallel."""

from __future__ import annotations

import os

import pytest
from dflow.engine.errors import ConfigError
from dflow.engine.model import Call
from dflow.engine.settings import RunSettings, load_settings, save_settings


@pytest.fixture
def busy(shell, tmp_path):
    """A step that notes when it begins and when it ends."""
    witness = tmp_path / "witness"
    note = f">> {witness} date +%s%N"
    return shell("busy", f"{note}' 1'; sleep 0.15; {note}' -1'")


@pytest.fixture
def most_at_once(tmp_path):
    def most():
        lines = [line.split() for line in (tmp_path / "witness").read_text().splitlines()]
        now = highest = 0
        for _, change in sorted((int(at), int(change)) for at, change in lines):
            now += change
            highest = max(highest, now)
        return highest

    return most


def _calls(count):
    return tuple(Call(f"s{n}", "busy") for n in range(count))


@pytest.mark.parametrize("limit", [1, 3])
def test_workflow_parallelism_limits_running_steps(runner, steps, busy, most_at_once, limit):  # PL-01
    runner.settings = {"pool_workers": -1}
    runner.go(steps(_calls(6), templates=[busy], parallelism=limit))
    assert runner.status == "Succeeded"
    assert most_at_once() == limit


def test_pool_workers_limit_running_steps(runner, steps, busy, most_at_once):
    runner.settings = {"pool_workers": 2}
    runner.go(steps(_calls(6), templates=[busy]))
    assert most_at_once() == 2


def test_template_parallelism_limits_the_children_of_steps(runner, steps, busy, most_at_once):  # PL-01
    runner.settings = {"pool_workers": -1}
    runner.go(steps(_calls(6), templates=[busy], group_parallelism=2))
    assert most_at_once() == 2


def test_template_parallelism_limits_the_children_of_a_dag(runner, dag, busy, most_at_once):  # PL-01
    runner.settings = {"pool_workers": -1}
    runner.go(dag(*_calls(6), templates=[busy], group_parallelism=2))
    assert most_at_once() == 2


def test_inline_runs_one_step_at_a_time(runner, steps, busy, most_at_once):
    runner.settings = {"isolation": "inline", "pool_workers": 4}
    runner.go(steps(_calls(3), templates=[busy]))
    assert runner.status == "Succeeded"
    assert most_at_once() == 1


def test_without_a_limit_all_run_at_once(runner, steps, busy, most_at_once):
    runner.settings = {"pool_workers": -1}
    runner.go(steps(_calls(8), templates=[busy]))
    assert most_at_once() == 8


def test_the_default_is_one_step_for_each_processor():
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert RunSettings().workers() == count
    assert RunSettings(pool_workers=-1).workers() is None
    assert RunSettings(pool_workers=7).workers() == 7


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pool_workers": 0}, "debug_pool_workers is 0; it must be positive, -1"),
        ({"pool_workers": -2}, "debug_pool_workers is -2"),
        ({"copy_method": "move"}, "debug_copy_method is 'move'; it must be one of 'symlink', 'link', 'copy'"),
        ({"save_copy_method": ""}, "debug_save_copy_method is ''"),
        ({"isolation": "thread"}, "isolation is 'thread'"),
    ],
)
def test_a_setting_without_meaning_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        RunSettings(**fields)


def test_settings_are_the_same_after_a_resume(tmp_path):
    settings = RunSettings(pool_workers=3, module_path=("/a", "/b"), packages=("/p",), kill_grace=1.5)
    save_settings(tmp_path / "settings.json", settings)
    assert load_settings(tmp_path / "settings.json") == settings
