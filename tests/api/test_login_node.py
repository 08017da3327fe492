"""On the login node of a cluster a run is gentle: few steps at once, niced, and it says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow import InputParameter, Inputs, ShellOPTemplate, Step, Workflow, argo_range, config
from dflow.engine.errors import ConfigError
from dflow.engine.layout import RunLayout
from dflow.engine.settings import load_settings
from dflow.login_node import how_gently, look_around
from dflow.python import OP, PythonOPTemplate

NUMBER = {"n": int}
SLEEP = os.path.realpath(shutil.which("sleep") or "sleep")
FEW = min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
USERS = (41001, 41002, 41003)
JOBS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="people are looked for in /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can have processes of other users")


@OP.function
def niceness(x: int) -> NUMBER:
    return {"n": os.getpriority(os.PRIO_PROCESS, 0)}


@pytest.fixture(autouse=True)
def _no_job(monkeypatch, tmp_path_factory):
    """Outside of all jobs, and without a scheduler."""
    for variable in JOBS:
        monkeypatch.delenv(variable, raising=False)
    kept = [place for place in os.environ["PATH"].split(os.pathsep) if not _submits(place)]
    tools = tmp_path_factory.mktemp("tools")
    for name in ("sh", "bash", "nice", "sleep", "date", "touch", "cat", "test"):  # what lies beside a scheduler
        found = next((Path(p, name) for p in os.environ["PATH"].split(os.pathsep) if Path(p, name).exists()), None)
        if found is not None:
            (tools / name).symlink_to(found)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), *kept]))


def _submits(place: str) -> bool:
    return any(Path(place, name).exists() for name in ("sbatch", "qsub", "bsub"))


@pytest.fixture
def scheduler(tmp_path_factory, monkeypatch):
    """A command that submits jobs."""
    place = tmp_path_factory.mktemp("bin")
    (place / "sbatch").write_text("#!/bin/sh\n")
    (place / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def people():
    """Processes of three other users, and of others who are no people."""
    started = [subprocess.Popen([SLEEP, "60"], user=uid, cwd="/") for uid in (*USERS, USERS[0], 1, 65534)]
    yield
    for one in started:
        one.kill()
        one.wait()


@pytest.fixture
def go(tmp_path, capfd):
    """Run a workflow of shell steps that tell how nice they are; what the first line says, and the numbers."""

    def run(steps: int = 1, script: str = "nice > ../../n-{{inputs.parameters.x}}", **fields):
        template = ShellOPTemplate("s", script=script, inputs=Inputs(parameters={"x": InputParameter()}))
        wf = Workflow("w", **fields)
        wf.add(Step("s", template, parameters={"x": "{{item}}"}, with_param=argo_range(steps), key="s-{{item}}"))
        wf.submit()
        assert wf.query_status() == "Succeeded"
        said = capfd.readouterr().out.splitlines()
        said = said[: next(i for i, line in enumerate(said) if line.startswith("Workflow is running"))]
        return said, {file.read_text().strip() for file in (tmp_path / wf.id).glob("n-*")}

    return run


def settings_of(wf):
    return load_settings(RunLayout(Path(wf.id).absolute()).settings)


# -- what is seen -----------------------------------------------------------------------------------------------------


def test_a_machine_without_a_scheduler_is_no_login_node():
    assert look_around() == ("", "", 0)
    assert look_around().words == "nothing submits jobs here"
    assert how_gently() == (False, 0, "nothing submits jobs here")


@as_root
@pytest.mark.usefixtures("scheduler", "people")
def test_a_scheduler_and_other_people_make_a_login_node():
    seen = look_around()
    assert seen.users >= len(USERS)
    assert seen.is_login_node
    assert seen.words == f"sbatch is here, {seen.users} users are active"
    assert how_gently() == (True, 10, seen.words)


@as_root
@pytest.mark.usefixtures("people", "scheduler")
def test_root_services_nobody_and_oneself_are_no_other_people(tmp_path):
    for uid in (0, 33, 999, 61200, 65534, os.getuid(), USERS[0], 41009):
        (tmp_path / "logins" / str(uid)).mkdir(parents=True, exist_ok=True)
    assert look_around(logins=str(tmp_path / "logins")).users == look_around(logins="/nowhere").users + 1
    assert look_around(proc="/nowhere", logins=str(tmp_path / "logins")).users == 2


@pytest.mark.usefixtures("scheduler")
@pytest.mark.parametrize("count", [0, 1, 2, 3, 14])
def test_those_count_who_are_logged_in(tmp_path, count):
    for uid in range(41001, 41001 + count):
        (tmp_path / str(uid)).mkdir()
    seen = look_around(proc="/nowhere", logins=str(tmp_path))
    assert (seen.users, seen.is_login_node) == (count, count >= 3)
    assert seen.words == f"sbatch is here, {count} user{' is' if count == 1 else 's are'} active"


@as_root
@pytest.mark.usefixtures("scheduler", "people")
@pytest.mark.parametrize("variable", JOBS)
def test_a_job_is_no_login_node(monkeypatch, variable):
    monkeypatch.setenv(variable, "17")
    assert not look_around().is_login_node
    assert look_around().words == f"sbatch is here, this is a job ({variable})"
    assert how_gently().login_node is False


@pytest.mark.usefixtures("scheduler")
def test_to_look_takes_little_time_whatever_there_is(tmp_path):
    for number in range(20_000):
        (tmp_path / str(number)).touch()
    began = time.perf_counter()
    look_around(proc=str(tmp_path))
    assert time.perf_counter() - began < 0.1, "it is a few milliseconds where the processes are"


# -- what follows -----------------------------------------------------------------------------------------------------


@as_root
@pytest.mark.usefixtures("scheduler", "people")
def test_there_a_run_is_gentle_and_says_so_in_one_line(go):
    users = look_around().users
    said, nices = go(6)
    change = (
        'config["debug_pool_workers"] (DFLOW_DEBUG_POOL_WORKERS) or config["login_node"] = False (DFLOW_LOGIN_NODE)'
    )
    looks = f"this looks like a login node (sbatch is here, {users} users are active)"
    assert said == [f"{looks}: at most {FEW} steps at once here, niced; set {change} to change that"]
    assert nices == {"10"}
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0, "the engine itself is not niced"


@as_root
@pytest.mark.usefixtures("scheduler", "people")
def test_whoever_says_that_it_is_none_is_believed(go):
    config["login_node"] = False
    assert go() == ([], {"0"})


def test_whoever_says_that_it_is_one_is_believed(go):
    config["login_node"] = True
    said, nices = go()
    assert len(said) == 1
    assert said[0].startswith(f"this is said to be a login node: at most {FEW} steps at once here, niced; set config[")
    assert nices == {"10"}


def test_elsewhere_nothing_is_said_and_nothing_niced(go):
    assert go() == ([], {"0"})


@pytest.mark.parametrize("limit", [5, -1])
def test_a_number_of_steps_that_somebody_chose_wins(go, limit):
    config.update({"login_node": True, "debug_pool_workers": limit})
    script = "touch ../../at-{{inputs.parameters.x}}; until test -e ../../at-4; do sleep 0.05; done; nice > ../../n-1"
    said, nices = go(5, script)  # ends only when all five run at once
    change = 'config["nice"] = 0 (DFLOW_NICE) or config["login_node"] = False (DFLOW_LOGIN_NODE)'
    assert said == [f"this is said to be a login node: steps here are niced; set {change} to change that"]
    assert nices == {"10"}


def test_where_both_are_chosen_nothing_is_said(go):
    config.update({"login_node": True, "debug_pool_workers": 4, "nice": 3})
    assert go() == ([], {"3"})


def test_steps_can_be_niced_anywhere(go):
    config["nice"] = 7
    assert go() == ([], {"7"})


@pytest.mark.parametrize("parallelism", [None, 1, 20])
def test_the_parallelism_of_a_workflow_does_not_raise_the_number_there(tmp_path, go, parallelism):
    config["login_node"] = True
    note = ">> ../../times date +%s%N"
    go(6, f"{note}' 1'; sleep 0.2; {note}' -1'", parallelism=parallelism, id="w-1")
    now = most = 0
    for _, change in sorted(map(str.split, (tmp_path / "w-1/times").read_text().splitlines())):
        now += int(change)
        most = max(most, now)
    assert most == (1 if parallelism == 1 else FEW)


@pytest.mark.parametrize("isolation", ["fork", "spawn", "warm"])
def test_python_ops_are_niced_in_every_isolation_with_a_process(isolation):
    config.update({"login_node": True, "isolation": isolation})
    wf = Workflow("ops")
    wf.add([Step(f"s{n}", PythonOPTemplate(niceness, image="i"), parameters={"x": n}, key=f"s{n}") for n in range(3)])
    wf.submit()
    assert [wf.query_step(key=f"s{n}")[0].outputs.parameters["n"].value for n in range(3)] == [10] * 3


def test_programs_of_an_inline_run_are_niced_and_this_process_is_not(go):
    config.update({"nice": 4, "isolation": "inline"})
    script = "sleep 0.5; nice > ../../n-{{inputs.parameters.x}}"  # such a program is niced just after its start
    assert go(script=script) == ([], {"4"})
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


def test_steps_are_never_less_nice_than_who_submits(run_script):
    done = run_script(
        """
        import os
        from dflow import ShellOPTemplate, Step, Workflow, config
        os.nice(15)
        config["nice"] = 5
        wf = Workflow("w", id="w")
        wf.add(Step("s", ShellOPTemplate("s", script="nice"), key="s"))
        wf.submit()
        print(wf.logs("s"))
        """
    )
    assert done.stdout.split()[-1] == "15"


@pytest.mark.parametrize("nice", [-1, 20, "5"])
def test_a_niceness_that_is_none_is_refused(nice):
    config["nice"] = nice
    wf = Workflow("w", id="w")
    wf.add(Step("s", ShellOPTemplate("s", script="true")))
    with pytest.raises(ConfigError, match=f"nice is {nice!r}; it must be a number from 0 to 19, or None"):
        wf.submit()
    assert not Path("w").exists()


# -- the same later ---------------------------------------------------------------------------------------------------


def test_a_resume_does_what_was_decided_when_the_run_was_submitted(tmp_path):
    config["login_node"] = True
    wf = Workflow("w", id="w")
    wf.add(Step("s", ShellOPTemplate("s", script="nice >> ../../n; test -e ../../go"), key="s"))
    wf.submit()
    assert wf.query_status() == "Failed"
    assert (settings_of(wf).login_node, settings_of(wf).nice, settings_of(wf).workers()) == (True, 10, FEW)
    (tmp_path / "w/go").touch()
    command = [sys.executable, "-m", "dflow.cli", "retry", "w"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "DFLOW_LOGIN_NODE": "0"})
    assert (tmp_path / "w/n").read_text().split() == ["10", "10"]


def test_to_submit_it_again_decides_anew(tmp_path):
    for said in (True, False):
        config["login_node"] = said
        wf = Workflow("w", id="w")
        wf.add(Step("s", ShellOPTemplate("s", script="nice >> ../../n; test $(cat ../../n | wc -l) = 2"), key="s"))
        wf.submit()
        assert settings_of(wf).login_node is said
    assert (tmp_path / "w/n").read_text().split() == ["10", "0"]


def test_a_run_in_the_background_is_as_gentle(tmp_path):
    config["login_node"] = True
    wf = Workflow("w", id="w")
    wf.add(Step("s", ShellOPTemplate("s", script="nice > ../../n")))
    wf.submit(detach=True)
    assert wf.wait() == "Succeeded"
    assert (tmp_path / "w/n").read_text().split() == ["10"]


NESTED = """
from dflow import ShellOPTemplate, Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
class Outer(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign()
    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"log": str})
    @OP.exec_sign_check
    def execute(self, op_in):
        inner = Workflow("inner")
        inner.add(Step("s", ShellOPTemplate("s", script="nice"), key="s"))
        inner.submit()
        return OPIO({"log": inner.logs("s")})
wf = Workflow("outer", id="outer")
wf.add(Step("o", PythonOPTemplate(Outer, image="i"), key="o"))
wf.submit()
print("nice", wf.query_step(key="o")[0].outputs.parameters["log"].value)
"""


@as_root
@pytest.mark.usefixtures("scheduler", "people")
def test_a_run_in_a_step_is_as_gentle_as_its_step_and_says_nothing(run_script, tmp_path):
    done = run_script(NESTED)
    assert done.stdout.count("this looks like a login node") == 1
    assert done.stdout.split()[-2:] == ["nice", "10"]
    assert "login node" not in (tmp_path / "outer/o/log.txt").read_text()
