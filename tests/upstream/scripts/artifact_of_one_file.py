"""One file: uploaded, through a shell script, through a Python OP, and back."""

from pathlib import Path

from dflow import InputArtifact, OutputArtifact, ShellOPTemplate, Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate
from told import tell


class Shout(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"quiet": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"loud": Artifact(Path), "name": str})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("loud.txt").write_text(op_in["quiet"].read_text().upper())
        return OPIO({"loud": Path("loud.txt"), "name": op_in["quiet"].name})


copy = ShellOPTemplate(name="copy", script="cp -rL /tmp/in.txt /tmp/out.txt")
copy.inputs.artifacts["in"] = InputArtifact(path="/tmp/in.txt")
copy.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")

Path("hello.txt").write_text("hello")
wf = Workflow(name="one-file")
shout = Step(name="shout", template=PythonOPTemplate(Shout), artifacts={"quiet": upload_artifact("hello.txt")})
wf.add(shout)
copied = Step(name="copied", template=copy, artifacts={"in": shout.outputs.artifacts["loud"]})
wf.add(copied)
wf.add(Step(name="again", template=PythonOPTemplate(Shout), artifacts={"quiet": copied.outputs.artifacts["out"]}))
wf.submit()
tell(wf)
