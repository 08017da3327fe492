"""A workflow made of tasks is a DAG."""

from dflow import DAG, OutputParameter, ShellOPTemplate, Task, Workflow
from told import tell

one = ShellOPTemplate(name="one", script="printf 1 > /tmp/n")
one.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)

wf = Workflow(name="tasks", dag=DAG(name="tasks"))
first = Task(name="first", template=one)
wf.add([first, Task(name="second", template=one, dependencies=[first])])
wf.submit()
tell(wf)
