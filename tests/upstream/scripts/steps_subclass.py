"""A class derived from Steps builds itself, and is used twice."""

from dflow import InputParameter, Inputs, OutputParameter, Outputs, Step, Steps, Workflow
from dflow.python import OP, PythonOPTemplate
from told import tell


@OP.function
def add(n: int, by: int) -> {"n": int}:
    return {"n": n + by}


class AddTwice(Steps):
    def __init__(self, name, by):
        parameters = {"n": InputParameter(type=int), "key": InputParameter(value="none")}
        outputs = Outputs(parameters={"n": OutputParameter(type=int)})
        super().__init__(name=name, inputs=Inputs(parameters=parameters), outputs=outputs)
        key = "%s-" % self.inputs.parameters["key"]
        given = {"n": self.inputs.parameters["n"], "by": by}
        first = Step(name="first", template=PythonOPTemplate(add), parameters=given, key=key + "first")
        self.add(first)
        given = {"n": first.outputs.parameters["n"], "by": by}
        second = Step(name="second", template=PythonOPTemplate(add), parameters=given, key=key + "second")
        self.add(second)
        self.outputs.parameters["n"].value_from_parameter = second.outputs.parameters["n"]


wf = Workflow(name="subclass")
one = Step(name="one", template=AddTwice("by-one", by=1), parameters={"n": 0, "key": "one"})
wf.add(one)
wf.add(
    Step(name="ten", template=AddTwice("by-ten", by=10), parameters={"n": one.outputs.parameters["n"], "key": "ten"})
)
wf.submit()
tell(wf)
