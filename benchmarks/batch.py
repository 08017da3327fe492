"""What it costs one process to wait for thousands of jobs of a scheduler, which is a simulated one.

Usage: ``python benchmarks/batch.py [--jobs N] [--wait SECONDS] [--interval SECONDS] [--rate PER_SECOND]``

All jobs are submitted, wait for a while, and end at the same time. Prints one line of JSON: seconds, and megabytes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import anyio
from dflow.engine.ports import Job
from dflow.executors.batch import BatchExecutor, BatchOptions
from dflow.executors.batch.slurm import Slurm

FAKE = Path(__file__).resolve().parents[1] / "tests" / "services" / "fake_slurm"


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--wait", type=float, default=60.0)
    parser.add_argument("--interval", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=500.0)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        state = Path(place, "scheduler")
        state.mkdir()
        (state / "timed").touch()
        os.environ.update(FAKE_SLURM=str(state), PATH=f"{FAKE}{os.pathsep}{os.environ['PATH']}")
        print(json.dumps(anyio.run(_measure, wanted, Path(place), state)))


async def _measure(wanted: argparse.Namespace, place: Path, state: Path) -> dict[str, Any]:
    executor = BatchExecutor(Slurm(), BatchOptions(interval=wanted.interval, rate=wanted.rate))
    codes: list[int] = []
    found: dict[str, Any] = {"jobs": wanted.jobs, "interval": wanted.interval}

    async def one(number: int) -> None:
        step = place / "run" / f"job-{number}"
        (step / "workdir").mkdir(parents=True)
        job = Job(f"wf[0].{number}", ("true",), step / "workdir", {"PATH": "/bin"}, step / "log.txt", step=step)
        codes.append((await executor.run(job)).exit_code)

    begin = time.perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(wanted.jobs):
            group.start_soon(one, number)
        while _submitted(place) < wanted.jobs:  # noqa: ASYNC110 - files tell
            await anyio.sleep(1)
        found["submitting"] = round(time.perf_counter() - begin, 1)
        found["submitting_cpu"] = round(time.process_time(), 1)
        found.update(await _waiting(wanted.wait, state))
        begin = time.perf_counter()
        await anyio.to_thread.run_sync(_end_all, place, state)
    found["until_all_noticed"] = round(time.perf_counter() - begin, 1)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if codes != [0] * wanted.jobs:
        raise AssertionError("not every job has ended well")
    return found


async def _waiting(seconds: float, state: Path) -> dict[str, Any]:
    """What is used while nothing happens."""
    begin, cpu, commands = time.perf_counter(), time.process_time(), _commands()
    queries = _queries(state)
    await anyio.sleep(seconds)
    took = time.perf_counter() - begin
    return {
        "waiting": round(took, 1),
        "queries": _queries(state) - queries,
        "cpu_percent": round(100 * (time.process_time() - cpu) / took, 2),
        "commands_cpu_percent": round(100 * (_commands() - commands) / took, 2),
    }


def _commands() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _queries(state: Path) -> int:
    return (state / "calls").read_text().count("squeue")


def _submitted(place: Path) -> int:
    file = place / "scheduler" / "events"
    return file.read_text().count("\n") if file.exists() else 0


def _end_all(place: Path, state: Path) -> None:
    numbers = [line.split()[1] for line in (state / "events").read_text().splitlines()]
    for step in (place / "run").iterdir():
        (step / ".exit").write_text('{"code":0}')
    with (state / "events").open("a") as events:
        events.writelines(f"E {number} COMPLETED\n" for number in numbers)


if __name__ == "__main__":
    main()
