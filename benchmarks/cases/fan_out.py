"""n slices of a trivial OP, and a step that adds up their results."""

from dflow import Step, Workflow, argo_range, config
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate, Slices


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


class Total(OP):
    """The sum of the slices' results."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign({"numbers": list})

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign({"total": int})

    @OP.exec_sign_check
    def execute(self, op_in: OPIO) -> OPIO:
        return OPIO({"total": sum(op_in["numbers"])})


if __name__ == "__main__":
    # Below the OPs: upstream copies everything above them into the step, where this module is not importable.
    import measured

    options = measured.arguments()
    size = options.size
    if options.isolation:
        config["isolation"] = options.isolation
    slices = Slices(input_parameter=["x"], output_parameter=["y"])
    fan = Step(
        "fan",
        PythonOPTemplate(PlusOne, image="python:3.11", slices=slices),
        parameters={"x": list(range(size))},
        with_param=argo_range(size),
        key="fan-{{item}}",
    )
    numbers = {"numbers": fan.outputs.parameters["y"]}
    workflow = Workflow("fan-out")
    workflow.add(fan)
    workflow.add(Step("total", PythonOPTemplate(Total, image="python:3.11"), parameters=numbers, key="total"))
    measured.run(workflow, steps=size, last="total", output="total", expected=size * (size + 1) // 2)
