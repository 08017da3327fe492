"""The default of an output parameter of a step that was skipped."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt", default="nobody spoke")

wf = Workflow(name="default")
skipped = Step(name="skipped", template=say, parameters={"msg": "x"}, when="1 > 2")
wf.add(skipped)
wf.add(Step(name="after", template=say, parameters={"msg": skipped.outputs.parameters["said"]}))
wf.submit()
tell(wf)
