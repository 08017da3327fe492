"""A step that may fail does not end the workflow."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="goes-on")
wf.add(Step(name="fails", template=ShellOPTemplate(name="fails", script="exit 3"), continue_on_failed=True))
wf.add(Step(name="after", template=say, parameters={"msg": "after"}))
wf.submit()
tell(wf)
