"""A list of files stays a list, in its order, between Python OPs."""

from pathlib import Path
from typing import List

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate
from told import tell


class Turn(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"files": Artifact(List[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"files": Artifact(List[Path]), "names": list})

    @OP.exec_sign_check
    def execute(self, op_in):
        made = []
        for number, path in enumerate(reversed(op_in["files"])):
            made.append(Path("%d-%s" % (number, path.name)))
            made[-1].write_text(path.read_text() + str(number))
        return OPIO({"files": made, "names": [path.name for path in op_in["files"]]})


for name in ("z.txt", "a.txt", "m.txt"):
    Path(name).write_text(name[0])
wf = Workflow(name="list")
turned = Step(
    name="turned", template=PythonOPTemplate(Turn), artifacts={"files": upload_artifact(["z.txt", "a.txt", "m.txt"])}
)
wf.add(turned)
wf.add(Step(name="again", template=PythonOPTemplate(Turn), artifacts={"files": turned.outputs.artifacts["files"]}))
wf.submit()
tell(wf)
