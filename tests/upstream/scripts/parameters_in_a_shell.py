"""How values of other types than text look in a shell script, and declared types of its outputs."""

from dflow import InputParameter, OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

show = ShellOPTemplate(name="show", script="printf '%s' '{{inputs.parameters.value}}' > /tmp/value")
show.inputs.parameters["value"] = InputParameter()
show.outputs.parameters["value"] = OutputParameter(value_from_path="/tmp/value")

typed = ShellOPTemplate(name="typed", script="printf 7 > /tmp/i; printf 0.5 > /tmp/f; printf '[1, \"a\"]' > /tmp/l")
typed.outputs.parameters["i"] = OutputParameter(value_from_path="/tmp/i", type=int)
typed.outputs.parameters["f"] = OutputParameter(value_from_path="/tmp/f", type=float)
typed.outputs.parameters["l"] = OutputParameter(value_from_path="/tmp/l", type=list)
typed.outputs.parameters["text"] = OutputParameter(value_from_path="/tmp/i")

wf = Workflow(name="shell-values")
for name, value in {
    "int": 3,
    "float": 0.1,
    "true": True,
    "list": [1, "a", None],
    "dict": {"k": 1.5},
    "none": None,
}.items():
    wf.add(Step(name="show-" + name, template=show, parameters={"value": value}))
wf.add(Step(name="typed", template=typed))
wf.submit()
tell(wf)
