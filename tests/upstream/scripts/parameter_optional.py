"""Parameters with defaults."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, Parameter, PythonOPTemplate
from told import tell


class Defaults(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign(
            {"n": Parameter(int, default=4), "s": Parameter(str, default="d"), "given": Parameter(float, default=1.0)}
        )

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"all": list})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"all": [op_in["n"], op_in["s"], op_in["given"]]})


wf = Workflow(name="defaults")
wf.add(Step(name="defaults", template=PythonOPTemplate(Defaults), parameters={"given": 2.5}))
wf.submit()
tell(wf)
