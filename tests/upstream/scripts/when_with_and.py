"""A condition with two parts."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="when-with-and")
four = Step(name="four", template=say, parameters={"msg": "4"})
wf.add(four)
value = four.outputs.parameters["said"]
conditions = {
    "and": "%s > 1 && %s < 3" % (value, value),
    "or": "%s < 1 || %s > 3" % (value, value),
}
wf.add([Step(name=name, template=say, parameters={"msg": name}, when=when) for name, when in conditions.items()])
wf.submit()
tell(wf)
