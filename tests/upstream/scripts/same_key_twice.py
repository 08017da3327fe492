"""Two steps have one key."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="same-key")
wf.add(Step(name="one", template=say, parameters={"msg": "one"}, key="key"))
wf.add(Step(name="two", template=say, parameters={"msg": "two"}, key="key"))
wf.submit()
tell(wf)
