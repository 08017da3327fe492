"""Outputs with global names are asked from the workflow."""

from dflow import OutputArtifact, OutputParameter, ShellOPTemplate, Step, Workflow
from told import files, tell

say = ShellOPTemplate(name="say", script="printf hello > /tmp/file")
say.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/file", global_name="all-said")
say.outputs.artifacts["file"] = OutputArtifact(path="/tmp/file", global_name="file")

wf = Workflow(name="global")
wf.add(Step(name="say", template=say))
wf.submit()
found = wf.query_global_outputs()
tell(
    wf,
    parameters={name: parameter.value for name, parameter in dict(found.parameters).items()},
    artifacts={name: files(artifact) for name, artifact in dict(found.artifacts).items()},
)
