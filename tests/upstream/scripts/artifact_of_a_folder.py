"""A folder, uploaded, read by a shell script, extended by a Python OP."""

from pathlib import Path

from dflow import InputArtifact, OutputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate
from told import tell


class Extend(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"data": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"data": Artifact(Path), "seen": list})

    @OP.exec_sign_check
    def execute(self, op_in):
        seen = sorted(str(path.relative_to(op_in["data"])) for path in op_in["data"].rglob("*.txt"))
        Path("made/deep").mkdir(parents=True)
        Path("made/deep/new.txt").write_text("new")
        return OPIO({"data": Path("made"), "seen": seen})


SCRIPT = """\
cd /tmp/data && find . -name '*.txt' | sort | tr '\\n' ' ' > /tmp/found
mkdir -p /tmp/o/p && printf q > /tmp/o/p/q
"""
count = ShellOPTemplate(name="count", script=SCRIPT)
count.inputs.artifacts["data"] = InputArtifact(path="/tmp/data")
count.outputs.parameters["found"] = OutputParameter(value_from_path="/tmp/found")
count.outputs.artifacts["o"] = OutputArtifact(path="/tmp/o")

Path("data/sub").mkdir(parents=True)
Path("data/a.txt").write_text("a")
Path("data/sub/b.txt").write_text("b")
wf = Workflow(name="folder")
extended = Step(name="extended", template=PythonOPTemplate(Extend), artifacts={"data": upload_artifact("data")})
wf.add(extended)
wf.add(Step(name="count", template=count, artifacts={"data": extended.outputs.artifacts["data"]}))
wf.submit()
tell(wf)
