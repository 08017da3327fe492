"""What a query says of the slices of a step."""

from dflow import Step, Workflow, argo_range
from dflow.python import OP, PythonOPTemplate, Slices
from told import tell


@OP.function
def add(a: int, b: int) -> {"sum": int}:
    return {"sum": a + b}


slices = Slices("{{item}}", input_parameter=["a"], output_parameter=["sum"])
wf = Workflow(name="asked")
adds = Step(
    name="adds",
    template=PythonOPTemplate(add, slices=slices),
    parameters={"a": [3, 1, 2], "b": 10},
    with_param=argo_range(3),
)
wf.add(adds)
wf.submit()
found = wf.query_step(type="Pod")
tell(
    wf,
    without=["adds"],
    names=sorted({step.displayName for step in found}),
    sums=sorted(str(step.outputs.parameters["sum"].value) for step in found if step.displayName.startswith("adds")),
)
