"""A loop over a list of texts."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="loops")
wf.add(Step(name="texts", template=say, parameters={"msg": "{{item}}"}, with_param=["a", "b", "c"]))
wf.add(Step(name="numbers", template=say, parameters={"msg": "<{{item}}>"}, with_param=[1, 2.5]))
listing = ShellOPTemplate(name="listing", script="""printf '["p", "q"]' > /tmp/list""")
listing.outputs.parameters["list"] = OutputParameter(value_from_path="/tmp/list", type=list)
listed = Step(name="listed", template=listing)
wf.add(listed)
wf.add(Step(name="dynamic", template=say, parameters={"msg": "{{item}}"}, with_param=listed.outputs.parameters["list"]))
wf.submit()
tell(wf)
