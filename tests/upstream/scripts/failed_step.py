"""A step that fails ends the workflow; the next step does not run, and submit() does not raise."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="fails")
wf.add(Step(name="fails", template=ShellOPTemplate(name="fails", script="exit 3")))
wf.add(Step(name="never", template=say, parameters={"msg": "never"}))
wf.submit()
tell(wf)
