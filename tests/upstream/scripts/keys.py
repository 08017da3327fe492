"""Steps are found by key and by name; a keyed step's directory is its key; keys of a loop hold the item."""

from pathlib import Path

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

say = ShellOPTemplate(name="say", script="printf %s '{{inputs.parameters.msg}}' > /tmp/said.txt")
say.inputs.parameters["msg"] = InputParameter()
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")

wf = Workflow(name="keys")
wf.add(Step(name="one", template=say, parameters={"msg": "one"}, key="key-one"))
wf.add(Step(name="two", template=say, parameters={"msg": "{{item}}"}, with_param=["a", "b"], key="key-{{item}}"))
wf.submit()
by_key = wf.query_step(key="key-a")
tell(
    wf,
    by_key=[step.outputs.parameters["said"].value for step in by_key],
    by_keys=sorted(step.key for step in wf.query_step(key=["key-one", "key-b"])),
    by_name=sorted(step.key for step in wf.query_step(name="one")),
    by_phase=sorted(step.key for step in wf.query_step(phase="Succeeded", type="Pod")),
    unknown=list(wf.query_step(key="key-c")),
    keys=sorted(wf.query_keys_of_steps()),
    directories=sorted(path.parent.name for path in Path(wf.id).glob("*/phase")),
    files=sorted(path.name for path in Path(wf.id, "key-one").iterdir()),
    phase=Path(wf.id, "key-one", "phase").read_text(),
    said=Path(wf.id, "key-one", "outputs", "parameters", "said").read_text(),
    kind=Path(wf.id, "key-one", "type").read_text(),
    status=Path(wf.id, "status").read_text(),
)
