"""A time limit, retries of a transient error, and steps that may fail."""

import time
from pathlib import Path

from dflow import ShellOPTemplate, Step, Workflow, config
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, TransientError

config["mode"] = "debug"


class Flaky(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"count": str})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"attempt": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        with Path(op_in["count"]).open("a") as stream:
            stream.write("x")
        attempt = len(Path(op_in["count"]).read_text())
        if attempt < 3:
            raise TransientError("not yet")
        return OPIO({"attempt": attempt})


class Slow(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign()

    @classmethod
    def get_output_sign(cls):
        return OPIOSign()

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        time.sleep(60)
        return OPIO()


if __name__ == "__main__":
    wf = Workflow("errors")
    flaky = PythonOPTemplate(Flaky, image="none", retry_on_transient_error=3)
    slow = PythonOPTemplate(Slow, image="none", timeout=1)
    bad = ShellOPTemplate("bad", image="none", script="exit 3")
    wf.add(Step("flaky", flaky, parameters={"count": str(Path("count").resolve())}))
    wf.add(Step("slow", slow, continue_on_failed=True))
    wf.add(Step("bad", bad, continue_on_failed=True))
    wf.add(Step("last", ShellOPTemplate("fine", image="none", script="echo reached")))
    wf.submit()
    phases = {step.displayName.partition("(")[0]: step.phase for step in wf.query_step()}
    attempt = [step.outputs.parameters["attempt"].value for step in wf.query_step(name="flaky", phase="Succeeded")]
    print("FOUND", wf.query_status(), phases, attempt)
