"""A loop of shell scripts, with a number and a ratio of successes that are enough."""

from dflow import InputParameter, ShellOPTemplate, Step, Workflow, argo_range
from told import tell

odd = ShellOPTemplate(name="odd", script="test $(({{inputs.parameters.i}} % 2)) = 1")
odd.inputs.parameters["i"] = InputParameter()


def loop(name, **enough):
    return Step(name=name, template=odd, parameters={"i": "{{item}}"}, with_param=argo_range(4), **enough)


wf = Workflow(name="enough")
wf.add(loop("number", continue_on_num_success=2))
wf.submit()
tell(wf, without=["number"])
