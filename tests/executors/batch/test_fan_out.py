"""A loop over jobs of a scheduler: all of them are in its queue, however few places this machine has."""

from __future__ import annotations

import threading
import time

import pytest
from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Workflow, argo_range, config
from dflow.slurm import SlurmExecutor

pytestmark = [pytest.mark.waiting, pytest.mark.usefixtures("own_settings")]


def _workflow(count, **fields):
    template = ShellOPTemplate("s", script="true", image="", inputs=Inputs(parameters={"x": InputParameter()}))
    wf = Workflow("many", **fields)
    executor = SlurmExecutor(interval=0.5)
    wf.add(Step("s", template, parameters={"x": "{{item}}"}, with_param=argo_range(count), executor=executor))
    return wf


@pytest.mark.parametrize(("parallelism", "count", "waiting"), [(None, 70, 70), (7, 20, 7)])
def test_all_jobs_of_a_loop_wait_at_the_same_time(fake, until, parallelism, count, waiting):
    config["debug_pool_workers"] = 1
    fake.set("hold")
    wf = _workflow(count, parallelism=parallelism)
    seen = []

    def free():
        until(lambda: len(fake.events("S")) >= waiting, 60)
        time.sleep(1)
        seen.append(len(fake.active()))
        fake.unset("hold")

    thread = threading.Thread(target=free)
    thread.start()
    wf.submit()
    thread.join()
    assert wf.query_status() == "Succeeded"
    assert seen == [waiting]
    assert len(fake.events("S")) == count
