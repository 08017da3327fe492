"""In sub_path mode the lists say how many steps there are, and a step gets its own part of the artifact."""

from pathlib import Path
from typing import List

from dflow import Step, Workflow, upload_artifact
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from told import tell


@OP.function
def look(n: int, data: Artifact(Path)) -> {"n": int, "log": Artifact(Path)}:
    path = Path("%d.log" % n)
    path.write_text(data.read_text() * n)
    return {"n": n * n, "log": path}


@OP.function
def join(squares: list, logs: Artifact(List[Path])) -> {"text": str, "total": int}:
    return {"text": " ".join(path.read_text() for path in logs), "total": sum(squares)}


for name in ("x", "y"):
    Path(name + ".txt").write_text(name)
slices = Slices(
    sub_path=True, input_parameter=["n"], input_artifact=["data"], output_parameter=["n"], output_artifact=["log"]
)
wf = Workflow(name="sub-path")
looks = Step(
    name="looks",
    template=PythonOPTemplate(look, slices=slices),
    parameters={"n": [2, 3]},
    artifacts={"data": upload_artifact(["x.txt", "y.txt"], archive=None)},
)
wf.add(looks)
wf.add(
    Step(
        name="join",
        template=PythonOPTemplate(join),
        parameters={"squares": looks.outputs.parameters["n"]},
        artifacts={"logs": looks.outputs.artifacts["log"]},
    )
)
wf.submit()
tell(wf, without=["looks"])
