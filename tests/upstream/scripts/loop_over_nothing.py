"""A loop over an empty list makes no step, and the workflow goes on."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="nothing")
wf.add(Step(name="none", template=say, parameters={"msg": "{{item}}"}, with_param=[]))
wf.add(Step(name="after", template=say, parameters={"msg": "after"}))
wf.submit()
tell(wf)
