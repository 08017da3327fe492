"""A function that calls function OPs is a template."""

from dflow import Workflow
from dflow.python import OP
from told import tell


@OP.function
def double(n: int) -> {"n": int}:
    return {"n": n * 2}


@OP.superfunction
def four_times(n: int) -> {"n": int}:
    twice = double(n=n)
    again = double(n=twice["n"])
    return {"n": again["n"]}


with Workflow(name="super") as wf:
    four_times(n=3)
tell(wf)
