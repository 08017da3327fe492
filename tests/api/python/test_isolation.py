"""Isolation of Python OPs, in whole runs."""

# ruff: noqa: F821, PTH110, PTH123, UP037 - names of outputs, not annotations; OPs as users write them

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest
from dflow import Step, Workflow, config
from dflow.engine.errors import CompileError
from dflow.executors.first import is_possible
from dflow.python import OP, PythonOPTemplate

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux with pidfd")


def run(*steps: Step) -> Workflow:
    wf = Workflow("w")
    for step in steps:
        wf.add(step)
    wf.submit()
    return wf


def outputs(wf: Workflow, name: str = "s") -> dict[str, object]:
    wf.raise_for_status()
    return {key: p.value for key, p in wf.query_step(f"{name}$").outputs.parameters.items()}


def of_items(op: object, count: int) -> dict[str, list[object]]:
    """What an OP gives for ``n`` of 0, 1, 2 …, each in a step with a key of its own."""
    step = Step(
        "s", PythonOPTemplate(op), parameters={"n": "{{item}}"}, with_param=list(range(count)), key="k-{{item}}"
    )
    wf = run(step)
    wf.raise_for_status()
    found: dict[str, list[object]] = {"id": [wf.id]}
    for n in range(count):
        [one] = wf.query_step(key=f"k-{n}")
        for name, parameter in one.outputs.parameters.items():
            found.setdefault(name, []).append(parameter.value)
    return found


def test_a_fork_is_the_default():
    assert config["isolation"] == "fork"


@pytest.mark.parametrize(("isolation", "processes"), [("fork", 12), ("spawn", 12), ("warm", 3)])
def test_slices_run_in_forks_fresh_interpreters_or_workers(isolation, processes):
    config["isolation"] = isolation
    config["debug_pool_workers"] = 3

    @OP.function
    def work(n: int) -> {"m": int, "pid": int, "parent": int}:
        return {"m": n + 1, "pid": os.getpid(), "parent": os.getppid()}

    found = of_items(work, 12)
    assert found["m"] == list(range(1, 13))
    assert len(set(found["pid"])) <= processes
    assert len(set(found["parent"])) == 1
    if isolation != "warm":
        assert len(set(found["pid"])) == processes


@pytest.mark.parametrize("isolation", ["fork", "spawn", "warm"])
def test_the_script_runs_the_step_again_by_hand(isolation):
    config["isolation"] = isolation

    @OP.function
    def work() -> {"python": str}:
        return {"python": sys.executable}

    wf = run(Step("s", PythonOPTemplate(work)))
    assert outputs(wf) == {"python": sys.executable}
    place = Path(wf.query_step("s$").path)
    output = place / "outputs" / "parameters" / "python"
    output.unlink()
    assert os.system(f"'{sys.executable}' '{place / 'script'}'") == 0  # noqa: S605 - as a user would
    assert output.read_text() == sys.executable


@pytest.mark.parametrize("isolation", ["fork", "spawn", "warm"])
def test_fresh_processes_of_multiprocessing_do_not_run_the_step_again(isolation, tmp_path):
    config["isolation"] = isolation
    witness = str(tmp_path / "witness")

    @OP.function
    def work() -> {"roots": list}:
        import math
        import multiprocessing

        with open(witness, "a") as file:
            file.write("x")
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            return {"roots": pool.map(math.sqrt, [4, 9])}

    assert outputs(run(Step("s", PythonOPTemplate(work)))) == {"roots": [2.0, 3.0]}
    assert Path(witness).read_text() == "x"


@pytest.mark.parametrize("killed", ["the server of the OP", "the first server"])
def test_a_server_that_is_killed_costs_no_step(killed, tmp_path, caplog):
    config["debug_pool_workers"] = 2
    witness = str(tmp_path / "witness")
    generations = 1 if killed == "the server of the OP" else 3

    @OP.function
    def work(n: int) -> {"m": int}:
        import signal
        import time

        if n == 3 and not os.path.exists(witness):
            with open(witness, "w") as file:
                file.write("x")
            pid = os.getpid()
            for _ in range(generations):
                with open(f"/proc/{pid}/stat") as file:
                    pid = int(file.read().rpartition(")")[2].split()[1])
            os.kill(pid, signal.SIGKILL)
            time.sleep(60)
        return {"m": n + 1}

    with caplog.at_level(logging.WARNING, logger="dflow.executors"):
        found = of_items(work, 8)
    assert found["m"] == list(range(1, 9))
    assert len([r for r in caplog.records if "killed" in r.message and r.name == "dflow.executors"]) == 1
    [identity] = found["id"]
    assert Path(identity, "k-3.bk1", "phase").read_text() == "Running"
    assert Path(identity, "k-3", "phase").read_text() == "Succeeded"


def test_a_step_that_always_kills_its_server_ends_with_that_as_its_error():
    @OP.function
    def work() -> {"m": int}:
        import signal
        import time

        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    wf = run(Step("s", PythonOPTemplate(work)))
    assert wf.query_status() == "Failed"
    assert "killed again and again" in wf.query_step("s$").message


# -- which isolation a step has ---------------------------------------------------------------------------------------


@OP.function
def whose_process() -> {"pid": int, "parent": int}:  # type: ignore[valid-type]
    return {"pid": os.getpid(), "parent": os.getppid()}


def processes(**steps):
    wf = Workflow("whose")
    for name, (template, step) in steps.items():
        wf.add(Step(name, PythonOPTemplate(whose_process, **template), **step))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    return {name: wf.query_step(name=name)[0].outputs.parameters["pid"].value for name in steps}


def test_a_template_and_a_step_say_how_they_are_run():
    warm = {"isolation": "warm"}
    pids = processes(a=(warm, {}), b=({}, warm), c=({}, {}), d=(warm, {"isolation": "spawn"}))
    assert len({pids["c"], pids["d"], pids["a"]}) == 3


def test_two_steps_that_are_warm_share_a_process_one_after_another():
    config["debug_pool_workers"] = 1
    template = PythonOPTemplate(whose_process, isolation="warm")
    wf = Workflow("whose")
    for name in ("a", "b"):
        wf.add(Step(name, template))
    wf.submit()
    pids = [wf.query_step(name=name)[0].outputs.parameters["pid"].value for name in ("a", "b")]
    assert pids[0] == pids[1]


def test_an_isolation_that_there_is_not_is_said_before_anything_runs():
    wf = Workflow("whose")
    wf.add(Step("a", PythonOPTemplate(whose_process, isolation="inline")))
    with pytest.raises(CompileError, match=r"isolation is 'inline'; it must be one of 'fork', 'spawn', 'warm'"):
        wf.submit()
