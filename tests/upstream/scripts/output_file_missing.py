"""A script does not write the file of an output parameter that has a default."""

from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

silent = ShellOPTemplate(name="silent", script="true")
silent.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt", default="nothing")

wf = Workflow(name="missing")
wf.add(Step(name="silent", template=silent))
wf.submit()
tell(wf)
