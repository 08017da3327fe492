"""if_expression chooses the parameter and the artifact of a Steps."""

from dflow import (
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    if_expression,
)
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/file")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/file")
say.outputs.artifacts["file"] = OutputArtifact(path="/tmp/file")

steps = Steps(name="choose")
steps.inputs.parameters["n"] = InputParameter(type=int)
n = steps.inputs.parameters["n"]
small = Step(name="small", template=say, parameters={"msg": "small"}, when="%s < 5" % n)
large = Step(name="large", template=say, parameters={"msg": "large"}, when="%s >= 5" % n)
steps.add([small, large])
steps.outputs.parameters["said"] = OutputParameter()
steps.outputs.parameters["said"].value_from_expression = if_expression(
    _if=n < 5, _then=small.outputs.parameters["said"], _else=large.outputs.parameters["said"]
)
steps.outputs.artifacts["file"] = OutputArtifact()
steps.outputs.artifacts["file"].from_expression = if_expression(
    _if=n < 5, _then=small.outputs.artifacts["file"], _else=large.outputs.artifacts["file"]
)

wf = Workflow(name="if")
wf.add(Step(name="three", template=steps, parameters={"n": 3}))
wf.add(Step(name="seven", template=steps, parameters={"n": 7}))
wf.submit()
tell(wf)
