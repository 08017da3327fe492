"""What the user sees when a step fails: the place, the cause, and what to do, the cause last."""

from __future__ import annotations

CLASS_OP = """
from pathlib import Path
from dflow import Step, Workflow
from dflow.python import OP, OPIO, Artifact, FatalError, OPIOSign, Parameter, PythonOPTemplate, TransientError

class Train(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"lr": float})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"loss": float, "model": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in):
        BODY

wf = Workflow("wf")
wf.add(Step("train", PythonOPTemplate(Train), parameters={"lr": 0.1}, key="iter-0.train"))
wf.submit()
"""


def train(body: str) -> str:
    return CLASS_OP.replace("BODY", body.replace("\n", "\n        "))


def test_op_that_raises(seen):
    seen("op_that_raises", train("print('epoch 1')\nraise ValueError(f\"lr {op_in['lr']} diverged\")"))


def test_op_that_raises_from_another_error(seen):
    body = "try:\n    {}['loss']\nexcept KeyError as exc:\n    raise ValueError('no loss was computed') from exc"
    seen("op_that_raises_from_another_error", train(body))


def test_op_that_is_killed(seen):
    seen("op_that_is_killed", train("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"))


def test_op_that_returns_a_wrong_type(seen):
    body = "Path('m').write_text('')\nreturn OPIO({'loss': 'low', 'model': Path('m')})"
    seen("op_that_returns_a_wrong_type", train(body))


def test_op_that_forgets_an_output(seen):
    seen("op_that_forgets_an_output", train("return OPIO({'loss': 0.5})"))


def test_op_that_returns_something_undeclared(seen):
    seen("op_that_returns_something_undeclared", train("return OPIO({'loss': 0.5, 'modle': Path('m')})"))


def test_op_that_returns_a_path_that_does_not_exist(seen):
    seen("op_that_returns_a_missing_path", train("return OPIO({'loss': 0.5, 'model': Path('model.pt')})"))


def test_op_that_returns_no_mapping(seen):
    seen("op_that_returns_no_mapping", train("return None"))


def test_op_that_calls_sys_exit(seen):
    seen("op_that_calls_sys_exit", train("import sys\nsys.exit(0)"))


def test_transient_error(seen):
    seen("transient_error", train("raise TransientError('the licence server is busy')"))


def test_fatal_error(seen):
    seen("fatal_error", train("raise FatalError('no such pseudopotential')"))


def test_dflow_raise_makes_a_failure_an_exception(seen):
    done = seen("dflow_raise", train("raise ValueError('diverged')"), env={"DFLOW_RAISE": "1"})
    assert done.returncode == 1


def test_raise_for_status_raises_the_first_failure(seen):
    done = seen("raise_for_status", train("raise ValueError('diverged')") + "wf.raise_for_status()\n")
    assert done.returncode == 1


def test_script_itself_goes_on_after_a_failure(seen):
    script = train("raise ValueError('diverged')") + "print('status', wf.query_status())\n"
    assert seen("script_goes_on", script).returncode == 0


def test_dflow_run_of_a_failing_script_exits_1(seen):
    done = seen("dflow_run", train("raise ValueError('diverged')"), command=("-m", "dflow.cli", "run"))
    assert done.returncode == 1


SHELL = """
from dflow import *
wf = Workflow("wf")
"""


def test_step_that_times_out(seen):
    seen(
        "step_times_out",
        SHELL + 'wf.add(Step("wait", ShellOPTemplate("t", script="sleep 30"), timeout=0.2))\nwf.submit()',
    )


def test_shell_command_that_does_not_exist(seen):
    seen("shell_no_such_command", SHELL + 'wf.add(Step("s", ShellOPTemplate("t", script="vaspp --run")))\nwf.submit()')


def test_interpreter_that_does_not_exist(seen):
    script = 'wf.add(Step("s", ShellOPTemplate("t", command=["zsh-none"], script="true")))\nwf.submit()'
    seen("no_such_interpreter", SHELL + script)


def test_shell_step_that_forgets_its_outputs(seen):
    seen(
        "shell_forgets_outputs",
        SHELL
        + """
t = ShellOPTemplate("t", script="true")
t.outputs.parameters["energy"] = OutputParameter(value_from_path="/tmp/energy")
t.outputs.artifacts["log"] = OutputArtifact(path="/tmp/log")
wf.add(Step("s", t))
wf.submit()
""",
    )


def test_input_artifact_that_was_deleted(seen):
    seen(
        "input_artifact_deleted",
        SHELL
        + """
from pathlib import Path
Path("data.txt").write_text("1")
data = upload_artifact("data.txt")
Path("data.txt").unlink()
import shutil; shutil.rmtree("upload")
t = ShellOPTemplate("t", script="cat /tmp/data")
t.inputs.artifacts["data"] = InputArtifact(path="/tmp/data")
wf.add(Step("s", t, artifacts={"data": data}))
wf.submit()
""",
    )


def test_uploaded_file_that_was_deleted(seen):
    seen(
        "uploaded_file_deleted",
        SHELL
        + """
from pathlib import Path
from dflow.python import *
Path("data.txt").write_text("1")
data = upload_artifact("data.txt")
Path("data.txt").unlink()
@OP.function
def read(data: Artifact(Path)) -> {"n": int}:
    return {"n": len(open(data).read())}
wf.add(Step("s", PythonOPTemplate(read), artifacts={"data": data}))
wf.submit()
""",
    )


def test_several_steps_that_fail(seen):
    script = (
        'wf.add([Step(f"s{i}", ShellOPTemplate("t", script="exit 3"), key=f"k-{i}") for i in range(3)])\nwf.submit()'
    )
    seen("several_steps_fail", SHELL + script, env={"DFLOW_DEBUG_POOL_WORKERS": "1"})


def test_python_packages_that_cannot_be_imported(seen):
    seen(
        "missing_import",
        SHELL
        + """
from dflow.python import *
@OP.function
def f(n: int) -> {"m": int}:
    import a_package_that_is_not_there
wf.add(Step("s", PythonOPTemplate(f), parameters={"n": 1}))
wf.submit()
""",
    )
