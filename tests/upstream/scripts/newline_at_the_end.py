"""A shell script ends the file of an output parameter with a newline, as echo does."""

from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from told import tell

echo = ShellOPTemplate(name="echo", script="echo hello > /tmp/said.txt; printf 'a\\n\\n' > /tmp/two.txt")
echo.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said.txt")
echo.outputs.parameters["two"] = OutputParameter(value_from_path="/tmp/two.txt")

wf = Workflow(name="newline")
wf.add(Step(name="echo", template=echo))
wf.submit()
tell(wf)
