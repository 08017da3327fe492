"""A function is an OP by its annotations."""

from pathlib import Path

from dflow import Step, Workflow
from dflow.python import OP, Artifact, PythonOPTemplate
from told import tell


@OP.function
def write(text: str, times: int) -> {"file": Artifact(Path), "length": int}:
    Path("text.txt").write_text(text * times)
    return {"file": Path("text.txt"), "length": len(text) * times}


@OP.function
def read(file: Artifact(Path)) -> {"text": str}:
    return {"text": file.read_text()}


wf = Workflow(name="functions")
written = Step(name="written", template=PythonOPTemplate(write), parameters={"text": "ab", "times": 2})
wf.add(written)
wf.add(Step(name="read", template=PythonOPTemplate(read), artifacts={"file": written.outputs.artifacts["file"]}))
wf.submit()
tell(wf)
