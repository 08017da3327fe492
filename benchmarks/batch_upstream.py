"""What it costs to wait for jobs of a scheduler, which is a simulated one: ours and upstream side by side.

Usage: ``python benchmarks/batch_upstream.py [--jobs N …] [--wait SECONDS] [--upstream PYTHON]``

A workflow has as many slices as there are jobs; none of the jobs is run, they wait in the queue. PYTHON has upstream
and dpdispatcher; without it they are installed into a virtual environment, once. Prints a line of JSON for each run:
seconds, and of all processes that the user has started, their number and the sums of their memory in MB.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import interpreters
from harness.memory import descendants, field

if TYPE_CHECKING:
    from harness.interpreters import Interpreter

FAKE = Path(__file__).resolve().parents[1] / "tests" / "services" / "fake_slurm"
PACKAGES = (interpreters.UPSTREAM, "dpdispatcher==1.1.0")
LEAST_FREE = 3000  # MB: then no more jobs are waited for
QUIET = 60  # seconds without a new job: then there will be no more

WORKFLOW = """
import sys
from dflow import Step, Workflow, argo_range, config
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, Slices

contender, jobs, root = sys.argv[1], int(sys.argv[2]), sys.argv[3]
config["mode"] = "debug"


class Wait(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"n": op_in["n"]})


if __name__ == "__main__":
    if contender == "ours":
        from dflow.slurm import SlurmExecutor

        executor = SlurmExecutor(queue="debug")
    else:
        from dflow.plugins.dispatcher import DispatcherExecutor

        config["debug_pool_workers"] = -1
        executor = DispatcherExecutor(
            machine_dict={
                "batch_type": "Slurm",
                "context_type": "LocalContext",
                "local_root": "./",
                "remote_root": root,
            },
            resources_dict={
                "number_node": 1,
                "cpu_per_node": 1,
                "gpu_per_node": 0,
                "queue_name": "debug",
                "group_size": 1,
            },
        )
    sliced = Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    template = PythonOPTemplate(Wait, image="python:3.8", slices=sliced)
    wf = Workflow("wait")
    step = Step("wait", template, parameters={"n": list(range(jobs))}, with_param=argo_range(jobs), executor=executor)
    wf.add(step)
    wf.submit()
    wf.wait() if hasattr(wf, "wait") else None
"""

SQUEUE = """\
#!/bin/sh
# The simulated squeue knows one format; dpdispatcher asks for another one.
case "$*" in
    *%.2t*)
        for last; do :; done
        echo "JOBID ST"
        {squeue} | awk -F '|' -v wanted="$last" '$1 == wanted {{ print $1, ($2 == "PENDING" ? "PD" : "R") }}'
        exit
        ;;
esac
exec {squeue} "$@"
"""


def main() -> None:
    """Measure each number of jobs with both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[200])
    parser.add_argument("--wait", type=float, default=30.0)
    parser.add_argument("--upstream", type=Path)
    wanted = parser.parse_args()
    ours = interpreters.ours()
    ours.environment.update({name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ})
    both = [ours, interpreters.make("upstream", wanted.upstream or installed())]
    for jobs in wanted.jobs:
        for contender in both:
            with tempfile.TemporaryDirectory() as place:
                print(json.dumps(measure(contender, jobs, wanted.wait, Path(place))), flush=True)


def measure(contender: Interpreter, jobs: int, seconds: float, place: Path) -> dict[str, Any]:
    """Start a workflow, look while all its jobs wait, and end it."""
    state = simulated_scheduler(place)
    (place / "workflow.py").write_text(WORKFLOW)
    (place / "root").mkdir()
    (place / ".dpdispatcher" / "submission").mkdir(parents=True)  # many processes would make it at the same time
    environment = {
        **contender.environment,
        "FAKE_SLURM": str(state),
        "PATH": os.pathsep.join([str(place / "bin"), str(FAKE), contender.environment["PATH"]]),
        "HOME": str(place),
    }
    argv = [str(contender.python), "workflow.py", contender.label, str(jobs), str(place / "root")]
    began = time.monotonic()
    with (place / "output").open("w") as output:
        process = subprocess.Popen(
            argv, cwd=place, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            submitted = until_submitted(process, state, jobs)
            took = round(time.monotonic() - began, 1)
            if process.poll() is not None:
                raise AssertionError(f"{contender.label} has ended: {(place / 'output').read_text()[-2000:]}")
            used = watch(process.pid, seconds, state)
            if process.poll() is not None:
                raise AssertionError(f"{contender.label} waits no more: {(place / 'output').read_text()[-2000:]}")
        finally:
            end(process)
    return {"contender": contender.label, "jobs": jobs, "submitted": submitted, "submitting": took, **used}


def simulated_scheduler(place: Path) -> Path:
    """One that runs no job: they wait."""
    state = place / "scheduler"
    state.mkdir()
    (state / "timed").touch()
    squeue = place / "bin" / "squeue"
    squeue.parent.mkdir()
    squeue.write_text(SQUEUE.format(squeue=FAKE / "squeue"))
    squeue.chmod(0o755)
    return state


def until_submitted(process: subprocess.Popen[bytes], state: Path, jobs: int) -> int:
    """How many jobs there are when there will be no more."""
    found, since = 0, time.monotonic()
    while found < jobs and process.poll() is None and time.monotonic() - since < QUIET and free_memory() > LEAST_FREE:
        time.sleep(0.5)
        now = lines_of(state / "events", "S ")
        if now > found:
            found, since = now, time.monotonic()
    return found


def watch(pid: int, seconds: float, state: Path) -> dict[str, float]:
    """The medians of what is seen once a second."""
    seen: list[tuple[int, float, float]] = []
    queries, cpu, began = lines_of(state / "calls", "squeue "), processor_time(), time.monotonic()
    while time.monotonic() - began < seconds:
        pids = [pid, *descendants(pid)]
        shares = [field(one, "smaps_rollup", "Pss:") for one in pids]
        seen.append((len(pids), sum(shares), sum(field(one, "status", "VmRSS:") for one in pids)))
        time.sleep(1)
    took = time.monotonic() - began
    count, shares_mb, resident_mb = (statistics.median(column) for column in zip(*seen, strict=True))
    return {
        "processes": int(count),
        "pss_mb": round(shares_mb),
        "rss_mb": round(resident_mb),
        "queries_per_minute": round(60 * (lines_of(state / "calls", "squeue ") - queries) / took, 1),
        "machine_cpu_percent": round(100 * (processor_time() - cpu) / took),
    }


def end(process: subprocess.Popen[bytes]) -> None:
    """End all that a workflow has started."""
    for pid in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def lines_of(file: Path, beginning: str) -> int:
    """How many lines of a file begin so."""
    return sum(line.startswith(beginning) for line in file.read_text().splitlines()) if file.exists() else 0


def free_memory() -> float:
    """MB that processes can still get."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("MemAvailable"))


def processor_time() -> float:
    """Seconds that all processors of the machine have worked."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def installed() -> Path:
    """An interpreter with upstream and dpdispatcher, made once."""
    folder = interpreters.CACHE.expanduser().with_name("upstream-dispatcher")
    ready = folder / "ready"
    if not ready.is_file() or ready.read_text() != " ".join(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        ready.write_text(" ".join(PACKAGES))
    return folder / "bin" / "python"


if __name__ == "__main__":
    main()
