"""A parameter goes from a shell script to the next one."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf '%s!' '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="sequence")
first = Step(name="first", template=say, parameters={"msg": "hello"})
wf.add(first)
wf.add(Step(name="second", template=say, parameters={"msg": first.outputs.parameters["said"]}))
wf.submit()
tell(wf)
