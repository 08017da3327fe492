"""What an executor is told of a job that it runs in an image or on another machine, and what it tells of its end."""

from __future__ import annotations

import json

import anyio
import pytest
from dflow.engine.around import Others
from dflow.engine.errors import ConfigError
from dflow.engine.model import Call, ExecutorSpec, Literal, Pod, Retry, ScriptTemplate
from dflow.engine.phase import Phase
from dflow.engine.ports import Capabilities, Outcome
from dflow.engine.runner import run
from dflow.engine.settings import RunSettings


class Recorder:
    """Takes jobs and ends them as it is told."""

    def __init__(self, outcome=None, **capabilities):
        self.capabilities = Capabilities(**capabilities)
        self.outcome = outcome or Outcome(0)
        self.jobs = []

    async def run(self, job):
        self.jobs.append(job)
        return self.outcome

    def close(self):
        pass


def _job(runner, graph, recorder):
    runner.create(graph)
    return run(runner.layout, lambda _: recorder)


@pytest.fixture
def alone(steps):
    """A workflow of one script with these fields of its pod."""

    def make(result=False, **fields):
        template = ScriptTemplate("shell", "shell", "true", pod=Pod(**fields), result=result)
        return steps(Call("a", "shell"), templates=[template])

    return make


def test_the_environment_of_the_template_is_told_apart_from_the_engines(argo, alone, monkeypatch):
    monkeypatch.setenv("OF_THE_ENGINE", "1")
    monkeypatch.setenv("TOKEN", "secret")
    secrets = (("TOKEN", "name", "key"), ("MISSING", "name", "key"))
    recorder = Recorder()
    _job(argo, alone(env=(("MINE", "a"),), secret_env=secrets), recorder)
    (job,) = recorder.jobs
    assert job.env["OF_THE_ENGINE"] == "1"
    assert set(job.own_env) == {
        "ARGO_PROGRESS_FILE", "DFLOW_STEP_PATH", "MINE", "PYTHONUNBUFFERED", "TMPDIR", "TOKEN"}  # fmt: skip
    assert job.own_env.items() <= job.env.items()


def test_image_and_resources_are_those_of_the_template(argo, alone):
    resources = {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}
    recorder = Recorder()
    _job(argo, alone(image="x:1", kubernetes=json.dumps({**resources, "node_selector": {}})), recorder)
    assert (recorder.jobs[0].image, recorder.jobs[0].resources) == ("x:1", resources)


def test_a_template_that_says_nothing_has_neither(argo, alone):
    recorder = Recorder()
    _job(argo, alone(), recorder)
    assert (recorder.jobs[0].image, recorder.jobs[0].resources) == (None, {})


def test_a_program_is_not_looked_for_here_where_jobs_find_others(argo, alone):
    recorder = Recorder(Outcome(1), own_programs=True)
    _job(argo, alone(result=True, command=("no-such-program",)), recorder)
    assert recorder.jobs[0].argv[4] == "no-such-program"


def test_a_program_is_looked_for_here_where_jobs_find_it(argo, alone):
    recorder = Recorder(Outcome(1))
    result = _job(argo, alone(result=True, command=("no-such-program",)), recorder)
    assert recorder.jobs == []
    assert "there is no such program" in result.failures[0].message


def test_what_an_exit_code_means_is_what_the_executor_says(argo, alone):
    result = _job(argo, alone(), Recorder(Outcome(137, hint="killed, out of memory: its limit is 1Gi")))
    assert result.failures[0].phase is Phase.FAILED
    assert result.failures[0].message == "exit code 137 (killed, out of memory: its limit is 1Gi)"


class Waiter(Recorder):
    """Takes jobs and never ends them by itself."""

    async def run(self, job):
        self.jobs.append(job)
        try:
            await anyio.sleep(30)
        except BaseException:
            self.outcome = "cancelled"
            raise
        return Outcome(0)


def _limited(steps, **fields):
    """A script whose attempts have one second in all."""
    template = ScriptTemplate("shell", "shell", "true", pod=Pod(retry=Retry(limit=2, max_duration=1.0), **fields))
    return steps(Call("a", "shell"), templates=[template])


def test_a_job_elsewhere_is_cancelled_when_its_strategies_have_no_more_time(argo, steps):
    waiter = Waiter(elsewhere=True)
    result = _job(argo, _limited(steps, timeout=Literal("600")), waiter)
    (job,) = waiter.jobs
    assert (job.timeout, waiter.outcome) == (600, "cancelled")
    assert 0.5 < job.deadline <= 1
    assert result.phase is Phase.FAILED
    assert argo.nodes["[0].a"]["message"] == f"it was ended after its time limit of {job.deadline:g} s"


def test_a_job_of_this_machine_has_what_is_left_as_its_time_limit(argo, steps):
    recorder = Recorder(Outcome(1))
    _job(argo, _limited(steps, timeout=Literal("600")), recorder)
    assert [0.5 < job.timeout <= job.deadline <= 1 for job in recorder.jobs] == [True] * 3
    assert recorder.jobs[0].timeout > recorder.jobs[2].timeout, "the time is that of all attempts together"


def test_the_own_limit_of_a_job_counts_when_it_is_shorter(argo, steps):
    recorder = Recorder(Outcome(143, timed_out=True))
    _job(argo, _limited(steps, timeout=Literal("0.25")), recorder)
    assert recorder.jobs[0].timeout == 0.25
    assert argo.nodes["[0].a"]["message"] == "it was ended after its time limit of 0.25 s"


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_job_with_a_time_limit_alone_has_no_deadline(argo, alone, elsewhere):
    recorder = Recorder(elsewhere=elsewhere)
    _job(argo, alone(timeout=Literal("600")), recorder)
    assert [(job.timeout, job.deadline) for job in recorder.jobs] == [(600, None)]


def test_an_executor_that_cannot_be_made_is_tried_once():
    tried = []

    def make(spec, settings, common):
        tried.append(spec)
        raise ConfigError("no such queue")

    others = Others(make, RunSettings())
    for _ in range(3):
        with pytest.raises(ConfigError, match="no such queue"):
            others.of(ExecutorSpec("slurm"))
    assert len(tried) == 1


def test_the_executors_of_a_run_share_what_they_have_in_common():
    given = []

    def make(spec, settings, common):
        given.append(common)
        return Recorder()

    others = Others(make, RunSettings())
    assert others.of(ExecutorSpec("slurm")) is others.of(ExecutorSpec("slurm"))
    others.of(ExecutorSpec("shell"))
    assert len(given) == 2
    assert given[0] is given[1]
