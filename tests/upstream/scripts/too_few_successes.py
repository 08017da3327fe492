"""A loop of which two of four fail, where three successes were asked for."""

from dflow import Step, Workflow, argo_range
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def odd(i: int) -> {"i": int}:
    assert i % 2 == 1
    return {"i": i}


def loop(name, **enough):
    return Step(
        name=name, template=PythonOPTemplate(odd), parameters={"i": "{{item}}"}, with_param=argo_range(4), **enough
    )


wf = Workflow(name="too-few")
wf.add(loop("ratio", continue_on_success_ratio=0.75))
wf.submit()
tell(wf)
