"""Arithmetic with parameters in arguments of steps."""

from dflow import InputParameter, Step, Steps, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def same(n: int) -> {"n": int}:
    return {"n": n}


steps = Steps(name="numbers")
steps.inputs.parameters["n"] = InputParameter(type=int)
n = steps.inputs.parameters["n"]
for name, value in {"plus": n + 1, "times": n * 3, "minus": n - 2}.items():
    steps.add(Step(name=name, template=PythonOPTemplate(same), parameters={"n": value}))
steps.add(Step(name="both", template=PythonOPTemplate(same), parameters={"n": (n + 1) * 2}))

wf = Workflow(name="expressions")
wf.add(Step(name="numbers", template=steps, parameters={"n": 5}))
wf.submit()
tell(wf)
