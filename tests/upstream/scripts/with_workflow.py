"""Calls of function OPs in a with block."""

from dflow import Workflow
from dflow.python import OP
from told import tell


@OP.function
def double(n: int) -> {"n": int}:
    return {"n": n * 2}


with Workflow(name="with") as wf:
    first = double(n=1)
    double(n=first["n"])
tell(
    wf,
    without=[step.displayName for step in wf.query_step()],
    said=sorted(s.outputs.parameters["n"].value for s in wf.query_step()),
)
