"""A Steps is a template with inputs and outputs of its own, used twice, with parameters and artifacts."""

from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    upload_artifact,
)
from told import tell

SCRIPT = """\
find -L /tmp/old -type f -exec cat {} + > /tmp/new
printf '%s' '{{inputs.parameters.msg}}' >> /tmp/new
wc -c < /tmp/new | tr -d '\\n ' > /tmp/size
"""
append = ShellOPTemplate(name="append", script=SCRIPT)
append.inputs.parameters["msg"] = InputParameter()
append.inputs.artifacts["old"] = InputArtifact(path="/tmp/old")
append.outputs.parameters["size"] = OutputParameter(value_from_path="/tmp/size")
append.outputs.artifacts["new"] = OutputArtifact(path="/tmp/new")

steps = Steps(name="twice")
steps.inputs.parameters["msg"] = InputParameter()
steps.inputs.artifacts["old"] = InputArtifact()
given = {"msg": steps.inputs.parameters["msg"]}
one = Step(name="one", template=append, parameters=given, artifacts={"old": steps.inputs.artifacts["old"]})
two = Step(name="two", template=append, parameters=given, artifacts={"old": one.outputs.artifacts["new"]})
steps.add(one)
steps.add(two)
steps.outputs.parameters["size"] = OutputParameter(value_from_parameter=two.outputs.parameters["size"])
steps.outputs.artifacts["new"] = OutputArtifact(_from=two.outputs.artifacts["new"])

with open("old.txt", "w") as file:
    file.write("old ")
wf = Workflow(name="nested")
outer = Step(name="outer", template=steps, parameters={"msg": "a"}, artifacts={"old": upload_artifact("old.txt")})
wf.add(outer)
again = {"old": outer.outputs.artifacts["new"]}
wf.add(Step(name="again", template=steps, parameters={"msg": outer.outputs.parameters["size"]}, artifacts=again))
wf.submit()
tell(wf)
