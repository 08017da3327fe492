"""A loop over a list of dicts takes their parts."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="dicts")
items = [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
wf.add(Step(name="parts", template=say, parameters={"msg": "{{item.name}}={{item.n}}"}, with_param=items))
wf.submit()
tell(wf)
