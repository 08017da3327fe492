"""A script does not write the file of an output artifact that is not optional."""

from dflow import OutputArtifact, ShellOPTemplate, Step, Workflow
from told import tell

silent = ShellOPTemplate(name="silent", script="true")
silent.outputs.artifacts["said"] = OutputArtifact(path="/tmp/said.txt")

wf = Workflow(name="missing")
wf.add(Step(name="silent", template=silent))
wf.submit()
tell(wf)
