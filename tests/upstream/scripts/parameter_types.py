"""Parameters of all types through a Python OP."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
from told import tell

TYPES = {"i": int, "f": float, "b": bool, "s": str, "l": list, "d": dict}
VALUES = {"i": 3, "f": 2.5, "b": True, "s": "text", "l": [1, "two", None, [3.5]], "d": {"k": [1], "n": {"m": None}}}


class Same(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"i": int, "f": float, "b": bool, "s": str, "l": list, "d": dict})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"i": int, "f": float, "b": bool, "s": str, "l": list, "d": dict, "types": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        types = ",".join(sorted(name + type(op_in[name]).__name__ for name in op_in))
        return OPIO({**op_in, "types": types})


wf = Workflow(name="types")
same = Step(name="same", template=PythonOPTemplate(Same), parameters=VALUES)
wf.add(same)
passed = {name: same.outputs.parameters[name] for name in TYPES}
wf.add(Step(name="again", template=PythonOPTemplate(Same), parameters=passed))
wf.submit()
tell(wf)
