"""argo_range with one, two and three arguments, and over the length of a parameter."""

from dflow import InputParameter, Step, Steps, Workflow, argo_len, argo_range
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def square(n: int) -> {"n": int}:
    return {"n": n * n}


def step(name, over):
    return Step(name=name, template=PythonOPTemplate(square), parameters={"n": "{{item}}"}, with_param=over)


steps = Steps(name="inner")
steps.inputs.parameters["names"] = InputParameter(type=list)
steps.add(step("len", argo_range(argo_len(steps.inputs.parameters["names"]))))

wf = Workflow(name="ranges")
wf.add([step("one", argo_range(3)), step("two", argo_range(2, 4)), step("three", argo_range(1, 6, 2))])
wf.add(Step(name="inner", template=steps, parameters={"names": ["a", "b"]}))
wf.submit()
tell(wf)
