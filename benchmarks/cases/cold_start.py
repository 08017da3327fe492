"""One trivial Python OP, defined in the script itself: the harness times the whole process."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate


class PlusOne(OP):
    """y = x + 1."""

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
    import measured

    measured.arguments()
    workflow = Workflow("cold-start")
    workflow.add(Step("only", template=PythonOPTemplate(PlusOne, image="python:3.11"), parameters={"x": 1}))
    measured.run(workflow, steps=1, last="only", expected=2)
