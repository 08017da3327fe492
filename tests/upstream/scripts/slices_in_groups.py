"""Five slices in groups of two: three steps, one after the other in each."""

from pathlib import Path
from typing import List

from dflow import Step, Workflow, argo_range
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from told import tell


@OP.function
def square(n: int) -> {"n": int, "log": Artifact(Path)}:
    path = Path("%d.log" % n)
    path.write_text(str(n))
    return {"n": n * n, "log": path}


@OP.function
def join(squares: list, logs: Artifact(List[Path])) -> {"squares": list, "text": str}:
    return {"squares": squares, "text": "".join(path.read_text() for path in logs)}


slices = Slices(
    "{{item}}", input_parameter=["n"], output_parameter=["n"], output_artifact=["log"], group_size=2, pool_size=1
)
wf = Workflow(name="groups")
squares = Step(
    name="square",
    template=PythonOPTemplate(square, slices=slices),
    parameters={"n": [1, 2, 3, 4, 5]},
    with_param=argo_range(5),
)
wf.add(squares)
wf.add(
    Step(
        name="join",
        template=PythonOPTemplate(join),
        parameters={"squares": squares.outputs.parameters["n"]},
        artifacts={"logs": squares.outputs.artifacts["log"]},
    )
)
wf.submit()
tell(wf, without=["square"])
