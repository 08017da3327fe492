"""Equal templates become one; different ones of one name get names of their own."""

from __future__ import annotations

import re

from dflow import InputParameter, Inputs, OutputParameter, Outputs, ShellOPTemplate, Step, Steps, Workflow
from dflow.compile import compile_workflow


def echo(text: str) -> ShellOPTemplate:
    made = ShellOPTemplate(
        "echo", script=f"echo {text}-{{{{inputs.parameters.n}}}}; echo $(({{{{inputs.parameters.n}}}} + 1)) > /tmp/n"
    )
    made.inputs.parameters["n"] = InputParameter(type=int)
    made.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    return made


class Loop(Steps):
    """Counts to `end`, by calling itself when `recursive`."""

    def __init__(self, text: str, *, end: int = 3, recursive: bool = False) -> None:
        super().__init__("loop", Inputs(parameters={"n": InputParameter(type=int, value=0)}), Outputs())
        count = Step(
            "count",
            echo(text),
            parameters={"n": self.inputs.parameters["n"]},
            key=f"{text}-{self.inputs.parameters['n']}",
        )
        self.add(count)
        n = count.outputs.parameters["n"]
        if recursive:
            self.add(Step("next", self, parameters={"n": n}, when=f"{n} < {end}"))


def graph_of(*steps: Step):
    wf = Workflow("w")
    for step in steps:
        wf.add(step)
    return compile_workflow(wf)


def test_equal_templates_made_apart_are_one():
    graph = graph_of(Step("a", Loop("x")), Step("b", Loop("x")))
    assert [t.name for t in graph.templates] == ["echo", "loop", "w"]


def test_equal_recursive_templates_made_apart_are_one():
    graph = graph_of(Step("a", Loop("x", recursive=True)), Step("b", Loop("x", recursive=True)))
    assert [t.name for t in graph.templates] == ["echo", "loop", "w"]


def test_two_subclass_instances_of_one_name_one_of_them_recursive_compile_and_run():
    wf = Workflow("w")
    wf.add(Step("plain", Loop("x")))
    wf.add(Step("again", Loop("y", recursive=True)))
    names = [t.name for t in compile_workflow(wf).templates]
    assert len(names) == 5
    assert all(re.fullmatch(r"(echo|loop)-[0-9a-f]{6}|w", name) for name in names)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_keys_of_steps() == ["x-0", "y-0", "y-1", "y-2"]


def test_templates_that_differ_only_in_what_they_call_are_two():
    outer = [Steps("outer", steps=[Step("a", echo(text), parameters={"n": 1})]) for text in "xy"]
    names = [t.name for t in graph_of(*(Step(f"s{i}", o) for i, o in enumerate(outer))).templates]
    assert sum(name.startswith("outer-") for name in names) == 2


def test_compiling_twice_gives_the_same_graph():
    def make():
        return graph_of(Step("a", Loop("x")), Step("b", Loop("y", recursive=True)))

    assert make() == make()


def test_long_names_stay_within_the_limit():
    long = "a" * 57
    steps = [Step(f"s{i}", ShellOPTemplate(long, script=f"echo {i}")) for i in range(2)]
    names = [t.name for t in graph_of(*steps).templates if t.name != "w"]
    assert len(set(names)) == 2
    assert all(len(name) <= 57 for name in names)


def test_hashed_name_does_not_collide_with_a_name_that_is_there():
    first = graph_of(Step("a", ShellOPTemplate("t", script="1")), Step("b", ShellOPTemplate("t", script="2")))
    taken = next(t.name for t in first.templates if t.name.startswith("t-"))
    steps = [ShellOPTemplate("t", script="1"), ShellOPTemplate("t", script="2"), ShellOPTemplate(taken, script="3")]
    graph = graph_of(*(Step(f"s{i}", t) for i, t in enumerate(steps)))
    assert len({t.name for t in graph.templates}) == 4


def test_user_objects_are_not_renamed():
    templates = [ShellOPTemplate("t", script=str(i)) for i in range(2)]
    graph_of(*(Step(f"s{i}", t) for i, t in enumerate(templates)))
    assert [t.name for t in templates] == ["t", "t"]
