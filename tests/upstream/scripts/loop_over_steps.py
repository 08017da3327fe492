"""A loop over a template of steps; its outputs are stacked for the next step."""

from dflow import InputParameter, OutputParameter, Step, Steps, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def add(n: int, by: int) -> {"n": int}:
    return {"n": n + by}


steps = Steps(name="add-twice")
steps.inputs.parameters["n"] = InputParameter(type=int)
one = Step(name="one", template=PythonOPTemplate(add), parameters={"n": steps.inputs.parameters["n"], "by": 1})
two = Step(name="two", template=PythonOPTemplate(add), parameters={"n": one.outputs.parameters["n"], "by": 10})
steps.add(one)
steps.add(two)
steps.outputs.parameters["n"] = OutputParameter(type=int, value_from_parameter=two.outputs.parameters["n"])

wf = Workflow(name="loop-of-steps")
wf.add(Step(name="each", template=steps, parameters={"n": "{{item}}"}, with_param=[1, 2]))
wf.submit()
tell(wf)
