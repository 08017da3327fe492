"""A list of steps runs side by side; the next step takes outputs of both."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(
    name="say", script="printf '%s %s' {{inputs.parameters.a}} {{inputs.parameters.b}} > /tmp/said.txt"
)
say.inputs.parameters["a"] = InputParameter()
say.inputs.parameters["b"] = InputParameter(value="default")
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="side-by-side")
left = Step(name="left", template=say, parameters={"a": "l"})
right = Step(name="right", template=say, parameters={"a": "r", "b": "given"})
wf.add([left, right])
both = {"a": left.outputs.parameters["said"], "b": right.outputs.parameters["said"]}
join = ShellOPTemplate(name="join", script="printf '{{inputs.parameters.a}}+{{inputs.parameters.b}}' > /tmp/joined.txt")
join.inputs.parameters = {"a": InputParameter(), "b": InputParameter()}
join.outputs.parameters["joined"] = OutputParameter(value_from_path="/tmp/joined.txt")
wf.add(Step(name="join", template=join, parameters=both))
wf.submit()
tell(wf)
