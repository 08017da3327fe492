"""A diamond of tasks: dependencies found from parameters, and one given."""

from dflow import DAG, InputParameter, OutputParameter, ShellOPTemplate, Step, Task, Workflow
from told import tell

append = ShellOPTemplate(
    name="append", script="printf '%s' '{{inputs.parameters.text}}{{inputs.parameters.more}}' > /tmp/t"
)
append.inputs.parameters = {"text": InputParameter(), "more": InputParameter(value="-")}
append.outputs.parameters["text"] = OutputParameter(value_from_path="/tmp/t")

dag = DAG(name="diamond")
dag.inputs.parameters["start"] = InputParameter()
a = Task(name="a", template=append, parameters={"text": dag.inputs.parameters["start"]})
b = Task(name="b", template=append, parameters={"text": a.outputs.parameters["text"], "more": "b"})
c = Task(name="c", template=append, parameters={"text": a.outputs.parameters["text"], "more": "c"})
d = Task(
    name="d", template=append, parameters={"text": b.outputs.parameters["text"], "more": c.outputs.parameters["text"]}
)
last = Task(name="last", template=append, parameters={"text": "end"}, dependencies=[d])
dag.add([d, c, b, a, last])
dag.outputs.parameters["all"] = OutputParameter(value_from_parameter=d.outputs.parameters["text"])

wf = Workflow(name="dag")
wf.add(Step(name="diamond", template=dag, parameters={"start": "s"}))
wf.submit()
tell(wf)
