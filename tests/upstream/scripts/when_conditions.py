"""Steps with when: a comparison with a number, and a constant."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="when")
four = Step(name="four", template=say, parameters={"msg": "4"})
wf.add(four)
value = four.outputs.parameters["said"]
conditions = {
    "less": "%s < 10" % value,
    "more": "%s > 10" % value,
    "same": "%s == 4" % value,
    "other": "%s != 4" % value,
    "false": "false",
}
wf.add([Step(name=name, template=say, parameters={"msg": name}, when=when) for name, when in conditions.items()])
wf.submit()
tell(wf)
