"""Texts that look like other values, and characters that a shell or JSON could spoil."""

from dflow import Step, Workflow
from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
from told import tell

TEXTS = [
    "3",
    "true",
    "null",
    "[1]",
    "'single' \"double\"",
    "two\nlines",
    "back\\slash $HOME `x`",
    "größe 数",
    "",
    " x ",
]


class Same(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"t%d" % i: str for i in range(10)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"t%d" % i: str for i in range(10)})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({name: op_in[name] for name in op_in})


wf = Workflow(name="texts")
same = Step(name="same", template=PythonOPTemplate(Same), parameters={"t%d" % i: text for i, text in enumerate(TEXTS)})
wf.add(same)
passed = {"t%d" % i: same.outputs.parameters["t%d" % i] for i in range(10)}
wf.add(Step(name="again", template=PythonOPTemplate(Same), parameters=passed))
wf.submit()
tell(wf)
