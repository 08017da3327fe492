"""A Steps that uses itself is a loop with a state, with keys that count."""

from dflow import InputParameter, OutputParameter, Step, Steps, Workflow, if_expression
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def grow(n: int) -> {"n": int}:
    return {"n": n + 2}


steps = Steps(name="loop")
steps.inputs.parameters["n"] = InputParameter(type=int, value=0)
steps.inputs.parameters["limit"] = InputParameter(type=int, value=5)
steps.outputs.parameters["n"] = OutputParameter(type=int)
key = "grow-%s" % steps.inputs.parameters["n"]
grown = Step(name="grow", template=PythonOPTemplate(grow), parameters={"n": steps.inputs.parameters["n"]}, key=key)
steps.add(grown)
n = grown.outputs.parameters["n"]
limit = steps.inputs.parameters["limit"]
again = Step(name="again", template=steps, parameters={"n": n, "limit": limit}, when="%s < %s" % (n, limit))
steps.add(again)
steps.outputs.parameters["n"].value_from_expression = if_expression(
    _if=n < limit, _then=again.outputs.parameters["n"], _else=n
)

wf = Workflow(name="recursion")
wf.add(Step(name="loop", template=steps))
wf.submit()
tell(wf)
