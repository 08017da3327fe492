"""An OP that returns the wrong type fails, and so does the workflow, without an exception."""

from dflow import Step, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def wrong(n: int) -> {"n": int}:
    return {"n": "text"}


@OP.function
def right(n: int) -> {"n": int}:
    return {"n": n}


wf = Workflow(name="wrong")
first = Step(name="wrong", template=PythonOPTemplate(wrong), parameters={"n": 1})
wf.add(first)
wf.add(Step(name="never", template=PythonOPTemplate(right), parameters={"n": first.outputs.parameters["n"]}))
wf.submit()
tell(wf)
