"""An optional artifact may be left out; an OP sees None."""

from pathlib import Path

from dflow import InputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate
from told import tell


class Look(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"maybe": Artifact(Path, optional=True)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"saw": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"saw": repr(op_in["maybe"])})


look = ShellOPTemplate(name="look", script="if test -e /tmp/maybe; then printf yes; else printf no; fi > /tmp/saw")
look.inputs.artifacts["maybe"] = InputArtifact(path="/tmp/maybe", optional=True)
look.outputs.parameters["saw"] = OutputParameter(value_from_path="/tmp/saw")

wf = Workflow(name="optional")
wf.add([Step(name="python", template=PythonOPTemplate(Look)), Step(name="shell", template=look)])
wf.submit()
tell(wf)
