"""Executors of one run that go to the same machine have one connection, and one who asks."""

from __future__ import annotations

import json

import pytest
from dflow.engine.errors import ConfigError
from dflow.engine.model import ExecutorSpec
from dflow.engine.settings import RunSettings
from dflow.executors import make_other

RUN = RunSettings(library="/nowhere")


def _made(common, kind="remote", **settings):
    host = {"hostname": "far", "username": "me"}
    given = {"scheduler": "slurm", "host": host, "interval": 5.0, **settings} if kind == "remote" else settings
    return make_other(ExecutorSpec(kind, json.dumps(given)), RUN, common)


def test_queues_of_one_machine_are_asked_for_together():
    common = {}
    first, second = _made(common, resources={"queue": "a"}), _made(common, resources={"queue": "b"})
    assert first is not second
    assert first._monitor is second._monitor
    assert first._site._host is second._site._host


def test_other_machines_and_schedulers_are_asked_by_themselves():
    common = {}
    made = [
        _made(common),
        _made(common, host={"hostname": "farther", "username": "me"}),
        _made(common, scheduler="pbs"),
        _made(common, "slurm"),
        _made({}),
    ]
    assert len({id(one._monitor) for one in made}) == 5


@pytest.mark.parametrize("kind", ["slurm", "pbs", "lsf", "sge", "shell"])
def test_schedulers_of_this_machine_have_names(kind):
    assert _made({}, kind)._scheduler.name == kind


def test_wrong_settings_are_an_error_with_their_words():
    with pytest.raises(ConfigError, match=r"the settings of the executor 'slurm' are wrong: .*wrong"):
        _made({}, "slurm", wrong=1)
