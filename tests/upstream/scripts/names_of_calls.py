"""The names that calls of function OPs give their tasks."""

import re

from dflow import Workflow
from dflow.python import OP
from told import tell


@OP.function
def double(n: int) -> {"n": int}:
    return {"n": n * 2}


with Workflow(name="with") as wf:
    first = double(n=1)
    double(n=first["n"])
names = sorted(step.displayName for step in wf.query_step(type="Pod"))
tell(wf, without=names, shapes=sorted({re.sub("-[a-z0-9]{5}$", "-xxxxx", name) for name in names}))
