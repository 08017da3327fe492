"""n slices and a last step that fails the first time; then the run is gone on with, in a process of its own.

`resume` is that process from start to exit: this script again (same id), or `dflow retry`. A witness file proves that
the finished slices do not run again.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from dflow import Step, Workflow, argo_range
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, Slices

WITNESS, READY, ID = "BENCHMARK_WITNESS", "BENCHMARK_READY", "resume-1"


class PlusOne(OP):
    """y = x + 1, with a mark in the witness file."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        with open(os.environ["BENCHMARK_WITNESS"], "a", encoding="utf-8") as file:  # noqa: PTH123 - cheap
            file.write(".")
        return OPIO({"y": op_in["x"] + 1})


class Total(OP):
    """The sum of the slices' results, once there is a certain file."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"numbers": list})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"total": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        if not os.path.exists(os.environ["BENCHMARK_READY"]):  # noqa: PTH110 - cheap
            raise RuntimeError("not yet")
        return OPIO({"total": sum(op_in["numbers"])})


def build(size: int) -> Workflow:
    """The workflow, always under the same id."""
    slices = Slices(input_parameter=["x"], output_parameter=["y"])
    fan = Step(
        "fan",
        PythonOPTemplate(PlusOne, image="python:3.11", slices=slices),
        parameters={"x": list(range(size))},
        with_param=argo_range(size),
        key="fan-{{item}}",
    )
    numbers = {"numbers": fan.outputs.parameters["y"]}
    workflow = Workflow("resume", id=ID)
    workflow.add(fan)
    workflow.add(Step("total", PythonOPTemplate(Total, image="python:3.11"), parameters=numbers, key="total"))
    return workflow


if __name__ == "__main__":
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    options = measured.arguments()
    workflow = build(options.size)
    if READY in os.environ:  # the second process
        workflow.submit()
        workflow.wait()
        sys.exit(workflow.query_status() != "Succeeded")

    os.environ |= {WITNESS: os.path.abspath("witness"), READY: os.path.abspath("ready")}  # noqa: PTH100
    result = measured.timed(workflow)
    if result["status"] != "Failed":
        sys.exit(f"the first run was to fail; it is {result['status']}")

    Path("ready").touch()
    retry = [sys.executable, "-m", "dflow.cli", "retry", ID]
    start = time.perf_counter()
    again = subprocess.run(retry if options.how == "retry" else [sys.executable, *sys.argv], check=False)
    result["resume"] = time.perf_counter() - start
    result["status"] = workflow.query_status() if again.returncode == 0 else f"exit status {again.returncode}"
    size = options.size
    measured.check(workflow, result, last="total", output="total", expected=size * (size + 1) // 2)
    if (marks := len(Path("witness").read_text(encoding="utf-8"))) != size:
        result["status"] = f"{marks} slices ran instead of {size}"
    measured.end(result, workflow, steps=size)
