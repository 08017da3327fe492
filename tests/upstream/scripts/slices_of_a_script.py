"""Outputs of a loop over a shell script are stacked for the next step by its references."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def count(listed: list) -> {"n": int}:
    return {"n": len(listed)}


say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="stacked")
loop = Step(name="loop", template=say, parameters={"msg": "{{item}}"}, with_param=["a", "b"])
wf.add(loop)
wf.add(Step(name="count", template=PythonOPTemplate(count), parameters={"listed": loop.outputs.parameters["said"]}))
wf.submit()
tell(wf)
