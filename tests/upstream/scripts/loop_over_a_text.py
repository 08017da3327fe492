"""A loop over an output parameter that is not declared as a list."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="loops")
listed = Step(name="listed", template=say, parameters={"msg": '["p", "q"]'})
wf.add(listed)
wf.add(Step(name="dynamic", template=say, parameters={"msg": "{{item}}"}, with_param=listed.outputs.parameters["said"]))
wf.submit()
tell(wf)
