"""A simulated scheduler, steps to run with it, and engines that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from dflow.engine.ports import Job
from dflow.executors.batch import BatchExecutor, BatchOptions
from dflow.executors.batch.slurm import Slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


SERVICES = Path(__file__).parents[2] / "services"
QUICK = {"interval": 0.2, "first": 0.05, "grace": 0.6, "rate": 1000.0, "collect": 0.05}


class FakeSlurm:
    """The simulated scheduler, seen from outside."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def set(self, name: str, text: str = "") -> None:
        """Make one of the files that say how it behaves."""
        (self.state / name).write_text(text)

    def unset(self, name: str) -> None:
        """Remove one of them."""
        (self.state / name).unlink()

    def calls(self, name: str) -> list[float]:
        """When a command was called."""
        lines = (self.state / "calls").read_text().splitlines() if (self.state / "calls").exists() else []
        return [float(line.split()[1]) for line in lines if line.split()[0] == name]

    def events(self, kind: str) -> list[list[str]]:
        """What happened of one kind: the words after its letter."""
        lines = (self.state / "events").read_text().splitlines() if (self.state / "events").exists() else []
        return [line.split()[1:] for line in lines if line.split()[0] == kind]

    def end(self, number: str, how: str, *, kill: int | None = None) -> None:
        """End a job from outside."""
        self.set(f"end.{number}", how)
        group = int((self.state / f"job.{number}").read_text())
        for pid in [group, *_descendants(group)]:
            try:
                os.kill(pid, kill or 15)
            except ProcessLookupError:  # noqa: PERF203 - a few
                continue

    def submitted(self) -> str:
        """The script of the only submission."""
        (script,) = self.state.glob("script.*")
        return script.read_text()

    def active(self) -> list[str]:
        """The jobs that wait or run."""
        ended = {words[0] for kind in "CE" for words in self.events(kind)}
        return [words[0] for words in self.events("S") if words[0] not in ended]


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [one for child in children for one in (child, *_descendants(child))]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlurm]:
    """A simulated scheduler, first on the path."""
    state = tmp_path / "scheduler"
    state.mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(state))
    monkeypatch.setenv("PATH", f"{SERVICES / 'fake_slurm'}{os.pathsep}{os.environ['PATH']}")
    scheduler = FakeSlurm(state)
    yield scheduler
    for name in ("hold", "down"):
        (state / name).unlink(missing_ok=True)
    for number in scheduler.active():
        if (state / f"job.{number}").read_text():
            scheduler.end(number, "CANCELLED", kill=9)


@pytest.fixture
def executor() -> Callable[..., BatchExecutor]:
    """An executor that is in more of a hurry than a real one may be."""

    def make(scheduler: Any = None, **options: Any) -> BatchExecutor:
        return BatchExecutor(scheduler or Slurm(), BatchOptions(**{**QUICK, **options}))

    return make


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    """A job that runs a shell script in a step directory of its own, which may be there already."""

    def make(name: str, script: str = "", **fields: Any) -> Job:
        step = tmp_path / "run" / name
        (step / "workdir").mkdir(parents=True, exist_ok=True)
        argv = fields.pop("argv", ("sh", "-c", script))
        defaults = {"cwd": step / "workdir", "env": dict(os.environ), "log": step / "log.txt", "grace": 0.5}
        return Job(f"wf[0].{name}", argv, step=step, **{**defaults, **fields})

    return make


@pytest.fixture
def ended_by(until: Callable[..., Any]) -> Callable[..., Any]:
    """How a job ends that something is done to, by the number that the scheduler gave it, when it runs."""

    def end(executor: BatchExecutor, job: Job, act: Callable[[str], object]) -> Any:
        async def main() -> Any:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, when_it_runs)
                return await executor.run(job)

        def when_it_runs() -> None:
            claim = job.step / ".claim"
            until(lambda: claim.exists() and claim.read_text())
            time.sleep(0.3)
            act(claim.read_text().split()[0])

        return anyio.run(main)

    return end


_ENGINE = """
import json, os, pathlib, sys
import anyio
from dflow.engine.ports import Job
from dflow.executors.batch import BatchExecutor, BatchOptions
from dflow.executors.batch import scheduler_named
wanted = json.loads(sys.argv[1])
executor = BatchExecutor(scheduler_named(wanted["scheduler"]), BatchOptions(**wanted["options"]))
async def one(name, script):
    step = pathlib.Path(wanted["root"], name)
    (step / "workdir").mkdir(parents=True, exist_ok=True)
    adopted = executor.adopt(step)
    job = Job(name, ("sh", "-c", script), step / "workdir", dict(os.environ), step / "log.txt", grace=0.5, step=step)
    outcome = await executor.run(job)
    print(json.dumps([name, adopted, outcome.exit_code, outcome.message, outcome.lost]), flush=True)
async def main():
    async with anyio.create_task_group() as group:
        for name, script in wanted["jobs"].items():
            group.start_soon(one, name, script)
anyio.run(main)
"""


class Engine:
    """A process that runs jobs with an executor, and can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def kill(self) -> None:
        """``kill -9``."""
        self.process.kill()
        self.process.wait()

    def results(self, seconds: float = 60.0) -> dict[str, tuple[bool, int, str | None, bool]]:
        """Of each job, when all have ended: whether it was there before, its exit code, the message, whether lost."""
        output, errors = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, errors
        return {name: tuple(rest) for name, *rest in map(json.loads, output.splitlines())}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """Start an engine with jobs: names and scripts."""
    started: list[Engine] = []

    def start(
        jobs: dict[str, str], scheduler: str = "slurm", env: dict[str, str] | None = None, **options: Any
    ) -> Engine:
        wanted = {"scheduler": scheduler, "jobs": jobs, "root": str(tmp_path / "run"), "options": {**QUICK, **options}}
        process = subprocess.Popen(
            [sys.executable, "-c", _ENGINE, json.dumps(wanted)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        started.append(Engine(process))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        for stream in (one.process.stdout, one.process.stderr):
            if stream is not None:
                stream.close()
