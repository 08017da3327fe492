"""A chain of n trivial steps: each adds one to the number of the step before it."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate


class PlusOne(OP):
    """y = x + 1; in the script itself, because upstream's steps import a module only from PYTHONPATH."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"y": op_in["x"] + 1})


if __name__ == "__main__":
    # Below the OP: upstream copies everything above it into the step, where these modules are not importable.
    import measured
    import shell

    options = measured.arguments()
    size, op = options.size, options.op
    template = PythonOPTemplate(PlusOne, image="python:3.11") if op == "python" else shell.PLUS_ONE
    workflow = Workflow("chain")
    value: object = 0
    for index in range(size):
        step = Step(f"step-{index}", template=template, parameters={"x": value})
        workflow.add(step)
        value = step.outputs.parameters["y"]
    measured.run(workflow, steps=size, last=f"step-{size - 1}", expected=size)
