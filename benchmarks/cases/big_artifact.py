"""An uploaded artifact of n MB goes through five steps, each of which passes on what it got.

`link` is what a step costs more (seconds) than with an artifact of one byte.
"""

from pathlib import Path

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate

STEPS = 5


class Pass(OP):
    """The file that came in, and its size."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"file": Artifact(Path)})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"file": Artifact(Path), "bytes": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"file": op_in["file"], "bytes": op_in["file"].stat().st_size})


def relay(name: str, source: Path) -> Workflow:
    """The workflow: five steps, one after the other."""
    workflow = Workflow(name)
    artifact = upload_artifact(source)
    for index in range(STEPS):
        step = Step(
            f"pass-{index}",
            PythonOPTemplate(Pass, image="python:3.11"),
            artifacts={"file": artifact},
            key=f"pass-{index}",
        )
        workflow.add(step)
        artifact = step.outputs.artifacts["file"]
    return workflow


if __name__ == "__main__":
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    size = measured.arguments().size
    for name, count in (("small", 0), ("big", size)):
        with Path(name).open("wb") as file:
            file.write(b".")
            file.writelines(bytes(range(250)) * 4000 for _ in range(count))

    for _ in range(2):  # the first one starts what the process starts once
        small = measured.timed(relay("relay-small", Path("small")))
    big = relay("relay-big", Path("big"))
    result = measured.timed(big)
    measured.check(big, result, last=f"pass-{STEPS - 1}", output="bytes", expected=1 + size * 1_000_000)
    if small["status"] != "Succeeded":
        result["status"] = f"with one byte: {small['status']}"
    result["link"] = (result["wall"] - small["wall"]) / STEPS
    measured.end(result, big, steps=STEPS)
