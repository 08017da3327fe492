"""A big parameter travels as a file."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, BigParameter, OPIOSign, PythonOPTemplate
from told import tell


class Make(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"n": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"numbers": BigParameter(list)})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"numbers": list(range(op_in["n"]))})


class Sum(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"numbers": BigParameter(list), "more": BigParameter(dict)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"sum": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"sum": sum(op_in["numbers"]) + op_in["more"]["k"]})


wf = Workflow(name="big")
made = Step(name="made", template=PythonOPTemplate(Make), parameters={"n": 1000})
wf.add(made)
given = {"numbers": made.outputs.parameters["numbers"], "more": {"k": 1}}
wf.add(Step(name="sum", template=PythonOPTemplate(Sum), parameters=given))
wf.submit()
made_artifacts = (wf.query_step(name="made")[0].get("outputs") or {}).get("artifacts") or {}
tell(wf, added=sorted(dict(made_artifacts)))
