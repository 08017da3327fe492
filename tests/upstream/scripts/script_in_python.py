"""A Python script template, with a parameter and artifacts."""

from dflow import (
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    Step,
    Workflow,
)
from told import tell

SCRIPT = """\
n = int('{{inputs.parameters.n}}')
with open('/tmp/line.txt') as file:
    text = file.read()
with open('/tmp/lines', 'w') as file:
    file.write(text * n)
with open('/tmp/length', 'w') as file:
    file.write(str(len(text) * n))
"""
repeat = PythonScriptOPTemplate(name="repeat", script=SCRIPT)
repeat.inputs.parameters["n"] = InputParameter(type=int)
repeat.inputs.artifacts["line"] = InputArtifact(path="/tmp/line.txt")
repeat.outputs.parameters["length"] = OutputParameter(value_from_path="/tmp/length", type=int)
repeat.outputs.artifacts["lines"] = OutputArtifact(path="/tmp/lines")

make = PythonScriptOPTemplate(name="make", script="with open('/tmp/made', 'w') as file:\n    file.write('ab')\n")
make.outputs.artifacts["made"] = OutputArtifact(path="/tmp/made")

wf = Workflow(name="python-script")
made = Step(name="made", template=make)
wf.add(made)
wf.add(Step(name="repeat", template=repeat, parameters={"n": 3}, artifacts={"line": made.outputs.artifacts["made"]}))
wf.submit()
tell(wf)
