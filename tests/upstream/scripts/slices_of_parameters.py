"""Parameters in and out are sliced and stacked."""

from dflow import Step, Workflow, argo_range
from dflow.python import OP, PythonOPTemplate, Slices
from told import tell


@OP.function
def add(a: int, b: int) -> {"sum": int, "text": str}:
    return {"sum": a + b, "text": "%d" % b}


@OP.function
def total(sums: list, texts: list) -> {"total": int, "seen": list}:
    return {"total": sum(sums), "seen": texts}


slices = Slices("{{item}}", input_parameter=["a"], output_parameter=["sum", "text"])
wf = Workflow(name="sliced")
adds = Step(
    name="adds",
    template=PythonOPTemplate(add, slices=slices),
    parameters={"a": [3, 1, 2], "b": 10},
    with_param=argo_range(3),
)
wf.add(adds)
stacked = {"sums": adds.outputs.parameters["sum"], "texts": adds.outputs.parameters["text"]}
wf.add(Step(name="total", template=PythonOPTemplate(total), parameters=stacked))
wf.submit()
tell(wf, without=["adds"])
