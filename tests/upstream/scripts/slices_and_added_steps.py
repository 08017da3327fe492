"""The steps that a loop with sliced artifacts has."""

from pathlib import Path
from typing import List

from dflow import Step, Workflow, argo_range, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from told import tell


@OP.function
def shout(name: str, data: Artifact(Path)) -> {"log": Artifact(Path)}:
    path = Path(name + ".log")
    path.write_text(data.read_text().upper())
    return {"log": path}


@OP.function
def join(logs: Artifact(List[Path])) -> {"text": str, "names": list}:
    return {"text": "".join(path.read_text() for path in logs), "names": [path.name for path in logs]}


for name in ("b", "c", "a"):
    Path(name + ".txt").write_text(name)
slices = Slices("{{item}}", input_parameter=["name"], input_artifact=["data"], output_artifact=["log"])
wf = Workflow(name="sliced-artifacts")
shouts = Step(
    name="shouts",
    template=PythonOPTemplate(shout, slices=slices),
    parameters={"name": ["one", "two", "three"]},
    artifacts={"data": upload_artifact(["b.txt", "c.txt", "a.txt"])},
    with_param=argo_range(3),
)
wf.add(shouts)
wf.add(Step(name="join", template=PythonOPTemplate(join), artifacts={"logs": shouts.outputs.artifacts["log"]}))
wf.submit()
tell(wf, without=["shouts", "join"], names=sorted({step.displayName for step in wf.query_step(type="Pod")}))
