"""argo_sequence with count, start, end and format."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow, argo_sequence
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")


def step(name, over):
    return Step(name=name, template=say, parameters={"msg": "{{item}}"}, with_sequence=over)


wf = Workflow(name="sequences")
wf.add(
    [
        step("count", argo_sequence(2)),
        step("start", argo_sequence(2, start=5)),
        step("end", argo_sequence(start=2, end=3)),
    ]
)
wf.add(step("format", argo_sequence(2, format="no%03d")))
wf.submit()
tell(wf)
