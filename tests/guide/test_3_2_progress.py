"""The guides on the progress of an OP: 3.2.3 of both."""

from __future__ import annotations

from pathlib import Path

from dflow import Workflow, query_workflows

# The same in both guides.
PROGRESS = """\
class Progress(OP):
    progress_total = 100
    ...
    def execute(op_in):
        for i in range(10):
            self.progress_current = 10 * (i + 1)
            ...
"""

IMPORTS = """\
import time
from pathlib import Path

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate

"""

SIGNS_AND_EXECUTE = """\
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"go_on": str, "fail": bool})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"done": int})

    @OP.exec_sign_check
    def execute(self, op_in):
"""

WORK = """\
            deadline = time.monotonic() + 30
            while i == 4 and not Path(op_in["go_on"]).exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            if i == 6 and op_in["fail"]:
                raise RuntimeError("stopped")
        return OPIO({"done": i})
"""

SUBMIT = """\

wf = Workflow(name="progress")
given = {"go_on": str(Path("go-on").absolute()), "fail": FAIL}
wf.add(Step(name="progress", template=PythonOPTemplate(Progress), parameters=given))
"""

DIFFERENCES = [
    ("    ...\n    def execute(op_in):\n", SIGNS_AND_EXECUTE, "left to the reader, and `self` is needed"),
    ("            ...\n", WORK, "left to the reader"),
]
FINE = ("FAIL", "False", "it succeeds")
STOPPED = ("FAIL", "True", "it stops in the middle")


def test_3_2_3_progress_is_seen_while_the_op_runs(execute, until):
    ended = execute(IMPORTS, PROGRESS, SUBMIT, "wf.submit(detach=True)\n", differences=[*DIFFERENCES, FINE])
    assert ended.returncode == 0, ended.stderr
    wf = Workflow(id=query_workflows()[0].id)

    until(lambda: [step.progress for step in wf.query_step(name="progress")] == ["50/100"])
    assert wf.query_step(name="progress").phase == "Running"

    Path("go-on").touch()
    until(lambda: wf.query_status() == "Succeeded")
    assert wf.query_step(name="progress").progress == "100/100"
    assert wf.query_step(name="progress").outputs.parameters["done"].value == 9


def test_3_2_3_progress_of_an_op_that_failed_is_what_it_last_said(run):
    Path("go-on").touch()
    wf = run(IMPORTS, PROGRESS, SUBMIT, "wf.submit()\n", differences=[*DIFFERENCES, STOPPED])

    assert wf.query_step(name="progress").phase == "Failed"
    assert wf.query_step(name="progress").progress == "70/100"
