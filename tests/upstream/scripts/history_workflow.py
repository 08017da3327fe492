"""A workflow that ran earlier is asked by its id, from another object; steps allow attributes and items."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="history")
wf.add(Step(name="say", template=say, parameters={"msg": "x"}, key="say"))
wf.submit()
again = Workflow(id=wf.id)
step = again.query_step(key="say")[0]
tell(
    again,
    id_begins=wf.id.startswith("history-"),
    item=step["phase"],
    attribute=step.phase,
    get=step.get("nothing", "absent"),
    said=step.outputs.parameters["said"].value,
    given=step.inputs.parameters["msg"].value,
    by_key=[found.key for found in again.query_step_by_key("say")],
)
