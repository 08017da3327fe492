"""A dict of files and a nested dict come back as such."""

from pathlib import Path
from typing import Dict

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, OPIO, Artifact, NestedDict, OPIOSign, PythonOPTemplate
from told import tell


class Swap(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"files": Artifact(Dict[str, Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"files": Artifact(Dict[str, Path]), "nested": Artifact(NestedDict[Path]), "said": dict})

    @OP.exec_sign_check
    def execute(self, op_in):
        said = {key: path.read_text() for key, path in op_in["files"].items()}
        Path("x").write_text(said["b"])
        Path("y").write_text(said["a"])
        return OPIO(
            {
                "files": {"a": Path("x"), "b": Path("y")},
                "nested": {"in": {"x": Path("x")}, "y": [Path("y")]},
                "said": said,
            }
        )


class Read(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"nested": Artifact(NestedDict[Path])})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"said": list})

    @OP.exec_sign_check
    def execute(self, op_in):
        nested = op_in["nested"]
        return OPIO({"said": [nested["in"]["x"].read_text(), nested["y"][0].read_text()]})


Path("one.txt").write_text("1")
Path("two.txt").write_text("2")
wf = Workflow(name="dict")
files = upload_artifact({"a": "one.txt", "b": "two.txt"})
first = Step(name="first", template=PythonOPTemplate(Swap), artifacts={"files": files})
wf.add(first)
wf.add(Step(name="again", template=PythonOPTemplate(Swap), artifacts={"files": first.outputs.artifacts["files"]}))
wf.add(Step(name="read", template=PythonOPTemplate(Read), artifacts={"nested": first.outputs.artifacts["nested"]}))
wf.submit()
tell(wf)
