"""A task with a condition is skipped; what depends on it by name runs."""

from dflow import DAG, OutputParameter, ShellOPTemplate, Task, Workflow
from told import tell

three = ShellOPTemplate(name="three", script="printf 3 > /tmp/n")
three.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)

wf = Workflow(name="dag-when", dag=DAG(name="dag-when"))
first = Task(name="first", template=three)
n = first.outputs.parameters["n"]
runs = Task(name="runs", template=three, when="%s < 5" % n, dependencies=[first])
skipped = Task(name="skipped", template=three, when="%s > 5" % n, dependencies=[first])
wf.add([first, runs, skipped, Task(name="last", template=three, dependencies=[runs, skipped])])
wf.submit()
tell(wf)
