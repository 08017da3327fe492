"""The name of the file that a download of a script's artifact brings."""

from dflow import OutputArtifact, ShellOPTemplate, Step, Workflow
from told import tell

write = ShellOPTemplate(name="write", script="printf hello > /tmp/said.txt")
write.outputs.artifacts["file"] = OutputArtifact(path="/tmp/said.txt")

wf = Workflow(name="name-of-a-file")
wf.add(Step(name="write", template=write))
wf.submit()
tell(wf)
