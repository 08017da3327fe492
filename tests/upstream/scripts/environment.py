"""Variables of a template, a package that is given along, and the code before and after an OP."""

import os
from pathlib import Path

from dflow import OutputParameter, ShellOPTemplate, Step, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def look() -> {"variable": str, "file": str}:
    return {"variable": os.environ["GREETING"], "file": Path("before.txt").read_text()}


shell = ShellOPTemplate(name="shell", script='printf %s "$GREETING" > /tmp/said', envs={"GREETING": "hello"})
shell.outputs.parameters["said"] = OutputParameter(value_from_path="/tmp/said")
before = "open('before.txt', 'w').write('made before')\n"

wf = Workflow(name="environment")
wf.add(Step(name="shell", template=shell))
wf.add(Step(name="python", template=PythonOPTemplate(look, envs={"GREETING": "hi"}, pre_script=before)))
wf.submit()
tell(wf)
