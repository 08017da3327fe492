"""What the user sees of a workflow as a whole: wrong ones, warnings, Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

HEAD = """
from dflow import *
from dflow.python import *
wf = Workflow("wf")
"""


def test_several_problems_are_reported_in_one_go(seen, tmp_path):
    done = seen(
        "compile_errors",
        HEAD
        + """
train = ShellOPTemplate("train", script="echo {{inputs.parameters.lr}} {{inputs.parameters.epochz}}")
train.inputs.parameters["lr"] = InputParameter(type=float)
train.inputs.parameters["epochs"] = InputParameter(type=int, value=3)
train.outputs.parameters["loss"] = OutputParameter(value_from_path="/tmp/loss", type=float)
first = Step("first", train, parameters={"lr": "fast"}, key="Iter\\n0")
second = Step("second", train, parameters={"lr": "{{steps.frist.outputs.parameters.loss}}"})
third = Step("third", train, parameters={"epochs": first.outputs.parameters["loss"]})
wf.add([first])
wf.add(second)
wf.add(third)
wf.add(Step("first", train, parameters={"lr": 1}, when="{{steps.fourth.outputs.parameters.loss}} < 1"))
wf.submit()
""",
    )
    assert done.returncode == 1
    assert not list(tmp_path.glob("wf-*"))


def test_tasks_that_wait_for_each_other(seen):
    seen(
        "compile_cycle",
        HEAD
        + """
t = ShellOPTemplate("t", script="true")
wf.add([Task("a", t, dependencies=["c"]), Task("b", t, dependencies=["a"]), Task("c", t, dependencies=["b"])])
wf.submit()
""",
    )


def test_workflow_without_steps(seen):
    seen("no_steps", HEAD + "wf.submit()")


def test_two_steps_with_the_same_key_run_both_with_a_warning(seen, tmp_path):
    seen(
        "same_key",
        HEAD
        + """
config["debug_pool_workers"] = 1
t = ShellOPTemplate("t", script="echo {{inputs.parameters.n}} >> %s/witness" % __import__("os").getcwd())
t.inputs.parameters["n"] = InputParameter()
wf.add([Step("a", t, parameters={"n": 1}, key="same"), Step("b", t, parameters={"n": 2}, key="same")])
wf.submit()
print(len(wf.query_step(key="same")), "steps with that key")
""",
    )
    assert sorted((tmp_path / "witness").read_text().split()) == ["1", "2"]


def test_ignored_volumes_are_said_once(seen):
    seen(
        "ignored_volumes",
        HEAD
        + """
t = ShellOPTemplate("t", script="true", volumes=[{"name": "v"}], mounts=[{"name": "v", "mountPath": "/v"}])
u = ShellOPTemplate("u", script="true", volumes=[{"name": "v"}])
wf.add([Step("a", t), Step("b", t), Step("c", u)])
wf.submit()
""",
    )


def test_ctrl_c_ends_the_steps_and_says_how_to_go_on(golden, tmp_path):
    (tmp_path / "script.py").write_text(
        HEAD
        + 'wf.add(Step("wait", ShellOPTemplate("t", script="touch ../../started; exec sleep 60")))\n'
        + "wf.submit()\n"
    )
    script = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("*/started")) and time.monotonic() < deadline:
        time.sleep(0.02)
    script.send_signal(signal.SIGINT)
    out, err = script.communicate(timeout=20)

    message, _, trace = err.partition("Traceback")
    golden(
        "ctrl_c", f"{out}--- stderr\n{message}… {trace.strip().splitlines()[-1]}\n--- exit status {script.returncode}\n"
    )
    assert script.returncode == -signal.SIGINT
    assert next(tmp_path.glob("wf-*/status")).read_text() == "Terminated"
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", "getsteps", next(tmp_path.glob("wf-*")).name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Pending" in done.stdout


def test_a_setting_that_is_not_known(seen):
    seen("unknown_setting", HEAD + "set_config(debug_worker=2)")


def test_a_mode_that_is_not_here(seen):
    script = 'wf.add(Step("a", ShellOPTemplate("t", script="true")))\nconfig["mode"] = "kubernetes"\nwf.submit()'
    assert seen("unknown_mode", HEAD + script).returncode == 1


def test_a_bad_variable_is_named_and_passed_over(seen):
    script = HEAD + 'print(config["debug_pool_workers"])'
    seen("bad_variable", script, env={"DFLOW_DEBUG_POOL_WORKERS": "many"})


def test_an_unknown_input_of_a_step(seen):
    script = 't = ShellOPTemplate("t", script="true")\nt.inputs.parameters["epochs"] = InputParameter()\n'
    seen("unknown_input", HEAD + script + 'Step("s", t, parameters={"epoch": 1})')


def test_a_run_that_is_not_there(seen):
    seen("run_not_found", HEAD + 'Workflow(id="wf-none").query_status()')


def test_an_id_that_is_taken(seen):
    script = 'wf.add(Step("a", ShellOPTemplate("t", script="true")))\nwf.id = "taken"\nwf.submit()\nwf.submit()'
    seen("id_taken", HEAD + script)
