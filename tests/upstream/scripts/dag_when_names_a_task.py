"""A condition of a task names another task, which nothing else does."""

from dflow import DAG, OutputParameter, ShellOPTemplate, Task, Workflow
from told import tell

three = ShellOPTemplate(name="three", script="printf 3 > /tmp/n")
three.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)

wf = Workflow(name="names-a-task", dag=DAG(name="names-a-task"))
first = Task(name="first", template=three)
n = first.outputs.parameters["n"]
runs = Task(name="runs", template=three, when="%s < 5" % n)
wf.add([first, runs])
wf.submit()
tell(wf, without=["first"])
