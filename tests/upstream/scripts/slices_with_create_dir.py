"""All slices write a file of one name, each in a folder of its own."""

from pathlib import Path
from typing import List

from dflow import Step, Workflow, argo_range
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from told import tell


@OP.function
def write(n: int) -> {"log": Artifact(Path)}:
    Path("log.txt").write_text(str(n))
    return {"log": Path("log.txt")}


@OP.function
def join(logs: Artifact(List[Path])) -> {"said": list}:
    return {"said": [path.read_text() for path in logs]}


CREATE_DIR = True
slices = Slices("{{item}}", input_parameter=["n"], output_artifact=["log"], create_dir=CREATE_DIR)
wf = Workflow(name="one-name")
writes = Step(
    name="writes",
    template=PythonOPTemplate(write, slices=slices),
    parameters={"n": [5, 6]},
    with_param=argo_range(2),
)
wf.add(writes)
wf.add(Step(name="join", template=PythonOPTemplate(join), artifacts={"logs": writes.outputs.artifacts["log"]}))
wf.submit()
tell(wf, without=["writes"])
