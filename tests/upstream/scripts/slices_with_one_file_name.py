"""All slices write a file of one name: with create_dir each has its own, without it they clash."""

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
def join(logs: Artifact(List[Path])) -> {"count": int}:
    return {"count": len(logs)}


CREATE_DIR = False
slices = Slices("{{item}}", input_parameter=["n"], output_artifact=["log"], create_dir=CREATE_DIR)
wf = Workflow(name="one-name")
writes = Step(
    name="writes",
    template=PythonOPTemplate(write, slices=slices),
    parameters={"n": [5, 5]},
    with_param=argo_range(2),
)
wf.add(writes)
wf.add(Step(name="join", template=PythonOPTemplate(join), artifacts={"logs": writes.outputs.artifacts["log"]}))
wf.submit()
tell(wf, without=["writes"])
