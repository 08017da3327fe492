"""n slices that write an artifact of 1 MB each, and a step that reads them all."""

from pathlib import Path
from typing import List  # noqa: UP035 - as a user of any Python writes it

from dflow import Step, Workflow, argo_range
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices


class Write(OP):
    """A file of a megabyte."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"file": Artifact(Path)})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        path = Path(f"file-{op_in['x']}")
        path.write_bytes(bytes([op_in["x"] % 256]) * 1_000_000)
        return OPIO({"file": path})


class Measure(OP):
    """How long all files are together."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"files": Artifact(List[Path])})  # noqa: UP006 - as above

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"bytes": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"bytes": sum(len(path.read_bytes()) for path in op_in["files"])})


if __name__ == "__main__":
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    size = measured.arguments().size
    slices = Slices(input_parameter=["x"], output_artifact=["file"])
    fan = Step(
        "fan",
        PythonOPTemplate(Write, image="python:3.11", slices=slices),
        parameters={"x": list(range(size))},
        with_param=argo_range(size),
        key="fan-{{item}}",
    )
    files = {"files": fan.outputs.artifacts["file"]}
    workflow = Workflow("many-artifacts")
    workflow.add(fan)
    workflow.add(Step("total", PythonOPTemplate(Measure, image="python:3.11"), artifacts=files, key="total"))
    measured.run(workflow, steps=size, last="total", output="bytes", expected=size * 1_000_000)
