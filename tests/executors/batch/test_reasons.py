"""Why a job waits is told, whenever that changes."""

from __future__ import annotations

import subprocess
import sys

import anyio
import pytest
from dflow.engine.journal import read_events
from dflow.engine.layout import RunLayout
from dflow.executors.batch.ports import Seen, State
from dflow.executors.batch.watched import Watched
from dflow.query import read_nodes


def _run(executor, *jobs):
    async def main():
        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(executor.run, job)

    anyio.run(main)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Seen(State.WAITING, "Priority", where="partition debug"), "queued in partition debug: Priority"),
        (Seen(State.WAITING, "None", where="partition debug"), "queued in partition debug"),
        (Seen(State.WAITING, "held"), "queued: held"),
        (Seen(State.WAITING), "queued"),
        (Seen(State.RUNNING, "None", where="partition debug"), ""),
        (Seen(State.UNKNOWN, "Priority"), ""),
    ],
)
def test_the_reason_is_in_words(seen, words):
    assert seen.waits_for == words


def test_a_job_tells_why_it_waits_and_when_it_does_not_any_more(executor, fake, job, until):
    said = []
    fake.set("hold")

    def hear(text):
        said.append(text)
        fake.unset("hold")

    _run(executor(interval=0.1), job("a", "sleep 1", report=hear))
    assert said == ["queued in partition debug: Priority", ""]


def test_a_job_that_waits_for_nothing_tells_nothing(executor, fake, job):
    said = []
    _run(executor(), job("a", report=said.append))
    assert said in ([], ["queued in partition debug: Priority", ""])


def test_the_reason_is_told_when_it_changes_and_not_more_than_once_a_minute(tmp_path, monkeypatch):
    now, said = [0.0], []
    monkeypatch.setattr("dflow.executors.batch.watched.time.monotonic", lambda: now[0])
    watched = Watched(tmp_path, "", "tag", site=None)
    watched.report = said.append
    for second, text in ((0, "a"), (1, "a"), (2, "b"), (59, "b"), (60, "b"), (61, ""), (62, "c"), (63, "")):
        now[0] = second
        watched.tell(text)
    assert said == ["a", "b", "", "c", ""]


def test_nobody_needs_to_listen(tmp_path):
    watched = Watched(tmp_path, "", "tag", site=None)
    watched.tell("queued")
    watched.end(None)


SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow
from dflow.slurm import SlurmExecutor

wf = Workflow("jobs", id="jobs-1")
template = ShellOPTemplate("say", image="alpine", script="sleep 1")
wf.add(Step("a", template, key="a", executor=SlurmExecutor(interval=0.2)))
wf.submit()
"""


def test_the_reason_is_the_message_of_a_step_that_waits(fake, tmp_path, until):
    fake.set("hold")
    (tmp_path / "script.py").write_text(SCRIPT)
    engine = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path)
    layout = RunLayout(tmp_path / "jobs-1")

    def message():
        return [node.message for node in read_nodes(layout) if node.key == "a"] if layout.journal.exists() else []

    until(lambda: message() == ["queued in partition debug: Priority"])
    shown = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "getsteps", "jobs-1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "queued in partition debug: Priority" in shown.stdout
    fake.unset("hold")
    assert engine.wait(30) == 0
    assert message() == [""]
    notes = [event["text"] for event in read_events(layout.journal) if event["event"] == "note"]
    assert notes == ["queued in partition debug: Priority", ""]
