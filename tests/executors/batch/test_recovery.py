"""An engine that is killed at any point: its jobs run once, and none is lost."""

from __future__ import annotations

import json
import time

import pytest
from dflow.executors.batch.places import Intent

pytestmark = pytest.mark.crash


def _ran(tmp_path, name="a"):
    file = tmp_path / "run" / name / "ran"
    return file.read_text().split() if file.exists() else []


def _intent(tmp_path, name="a"):
    return Intent.read(tmp_path / "run" / name)


ONCE = "echo x >> ../ran; sleep 0.4; exit 3"


def _goes_on(engine, tmp_path, jobs, **more):
    results = engine(jobs, **more).results()
    assert results == dict.fromkeys(jobs, (True, 3, None, False))
    assert {name: _ran(tmp_path, name) for name in jobs} == {name: ["x"] for name in jobs}


def test_killed_before_the_job_is_submitted(engine, fake, tmp_path, until):
    fake.set("slow", "30")
    first = engine({"a": ONCE})
    until(lambda: fake.calls("sbatch"))
    first.kill()
    assert _intent(tmp_path).state == "intended"
    fake.unset("slow")
    _goes_on(engine, tmp_path, {"a": ONCE})


def test_killed_between_submission_and_recording_the_id(engine, fake, tmp_path, until):
    fake.set("slow", "0.6")
    fake.set("hold")
    first = engine({"a": ONCE})
    until(lambda: fake.events("S"))
    first.kill()
    assert _intent(tmp_path).id is None
    fake.unset("slow")
    second = engine({"a": ONCE})
    until(lambda: len(fake.calls("squeue")) >= 2)
    fake.unset("hold")
    assert second.results() == {"a": (True, 3, None, False)}
    assert _ran(tmp_path) == ["x"]
    assert len(fake.events("S")) == 1


def test_killed_after_submission_while_the_job_runs_and_is_not_known_by_its_id(engine, fake, tmp_path, until):
    fake.set("slow", "0.3")
    first = engine({"a": ONCE})
    until(lambda: _ran(tmp_path))
    first.kill()
    assert _intent(tmp_path).id is None
    _goes_on(engine, tmp_path, {"a": ONCE})


def test_a_submission_that_arrives_after_the_engine_was_killed_does_not_run_the_job_twice(
    engine, fake, tmp_path, until
):
    fake.set("stuck")
    first = engine({"a": ONCE})
    until((fake.state / "is-stuck").exists)
    first.kill()
    second = engine({"a": ONCE})
    until(lambda: len(fake.events("S")) == 1)
    fake.unset("stuck")
    until(lambda: len(fake.events("S")) == 2)
    assert second.results() == {"a": (True, 3, None, False)}
    until(lambda: not fake.active())
    assert _ran(tmp_path) == ["x"]


def test_of_two_submissions_the_one_that_runs_is_waited_for(engine, fake, tmp_path, until):
    fake.set("hold")
    first = engine({"a": ONCE})
    until(lambda: _intent(tmp_path) and _intent(tmp_path).id)
    first.kill()
    ours = _intent(tmp_path)
    step = tmp_path / "run/a"
    fake.set(f"hold.{ours.id}")
    fake.unset("hold")
    until(lambda: fake.active() == [ours.id])
    Intent(ours.tag, ours.scheduler, "submitted", "999999999").write(step)  # one that quit, as the first had begun
    second = engine({"a": ONCE}, grace=5.0)
    (fake.state / f"hold.{ours.id}").unlink()
    assert second.results() == {"a": (True, 3, None, False)}
    assert _ran(tmp_path) == ["x"]


def test_killed_while_the_job_runs(engine, fake, tmp_path, until):
    first = engine({"a": ONCE})
    until(lambda: _ran(tmp_path))
    until(lambda: _intent(tmp_path).id)
    first.kill()
    _goes_on(engine, tmp_path, {"a": ONCE})
    assert len(fake.events("S")) == 1


def test_killed_and_the_job_has_ended_and_is_forgotten_since(engine, fake, tmp_path, until):
    first = engine({"a": ONCE})
    until(lambda: _ran(tmp_path))
    first.kill()
    until((tmp_path / "run/a/.exit").exists)
    fake.set("events")
    _goes_on(engine, tmp_path, {"a": ONCE})


@pytest.mark.parametrize("kind", ["slurm", "shell"])
def test_killed_again_and_again_with_many_jobs(engine, fake, tmp_path, until, kind):
    jobs = {f"j{number}": "echo x >> ../ran; sleep 0.5; exit 3" for number in range(12)}
    for pause in (0.35, 0.45, 0.55):
        one = engine(jobs, scheduler=kind, rate=20.0)
        time.sleep(pause)
        one.kill()
    results = engine(jobs, scheduler=kind).results()
    assert {name: result[1:] for name, result in results.items()} == dict.fromkeys(jobs, (3, None, False))
    assert {name: _ran(tmp_path, name) for name in jobs} == {name: ["x"] for name in jobs}


def test_killed_while_jobs_are_cancelled_the_next_engine_finishes_that(engine, fake, tmp_path, until, executor, job):
    first = engine({"a": "sleep 60"})
    until(lambda: fake.events("R"))
    until(lambda: _intent(tmp_path).id)
    first.kill()
    ours = _intent(tmp_path)
    Intent(ours.tag, ours.scheduler, "cancelling", ours.id).write(tmp_path / "run/a")
    assert engine({"a": "sleep 60"}).results() == {"a": (True, 1, "it was cancelled", True)}
    assert fake.active() == []
    assert _intent(tmp_path).state == "cancelled"


def test_a_directory_without_a_job_is_not_adopted(executor, fake, job):
    step = job("a").step
    assert not executor().adopt(step)
    (step / ".job").write_text("{")
    assert not executor().adopt(step)
    (step / ".job").write_text(json.dumps({"tag": "t", "scheduler": "other", "state": "submitted", "id": "1"}))
    assert not executor().adopt(step)
    (step / ".job").write_text(json.dumps({"tag": "t", "scheduler": "slurm", "state": "submitted", "id": "1"}))
    assert executor().adopt(step)
