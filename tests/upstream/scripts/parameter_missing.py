"""A step is not given a parameter that has no default."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="missing")
wf.add(Step(name="first", template=say, parameters={"msg": "first"}))
wf.add(Step(name="second", template=say))
wf.submit()
tell(wf)
