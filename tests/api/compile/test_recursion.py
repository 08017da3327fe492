"""Templates that would call each other for ever are refused before anything runs."""

from __future__ import annotations

import pytest
from dflow import DAG, ShellOPTemplate, Step, Steps, Task, Workflow
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError


def loop(**arguments):
    """Steps that call themselves."""
    template = Steps("again")
    template.add(Step("work", ShellOPTemplate("work", script="true")))
    template.add(Step("next", template, **arguments))
    return template


def test_a_template_that_always_calls_itself_is_refused():
    with pytest.raises(CompileError) as caught:
        compile_workflow(Workflow("w", steps=loop()))
    assert "'again' (in 'next') → 'again'" in str(caught.value)
    assert "give one of them when=" in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [{"when": "{{workflow.name}} == x"}, {"with_param": [1, 2]}, {"continue_on_failed": True}],
    ids=["condition", "loop", "goes on"],
)
def test_what_may_end_is_let_through(arguments):
    compile_workflow(Workflow("w", steps=loop(**arguments)))


def test_a_template_whose_outputs_are_kept_may_end_it():
    template = loop()
    template.memoize_key = "k"
    compile_workflow(Workflow("w", steps=template))


def circle(**arguments):
    """A DAG and a Steps that call each other."""
    one, two = Steps("one"), DAG("two")
    one.add(Step("to-two", two))
    two.add(Task("to-one", one, **arguments))
    return Workflow("w", steps=one)


def test_a_circle_of_several_templates_names_all_of_them():
    with pytest.raises(CompileError) as caught:
        compile_workflow(circle())
    text = str(caught.value)
    assert (
        "'one' (in 'to-two') → 'two' (in 'to-one') → 'one'" in text
        or "'two' (in 'to-one') → 'one' (in 'to-two') → 'two'" in text
    )


def test_one_condition_in_the_circle_is_enough():
    compile_workflow(circle(when="{{workflow.name}} == x"))


def test_a_condition_beside_the_circle_does_not_help():
    template = loop()
    template.add(Step("other", ShellOPTemplate("other", script="true"), when="1 > 2"))
    with pytest.raises(CompileError, match="for ever"):
        compile_workflow(Workflow("w", steps=template))


def test_a_template_that_is_used_twice_is_no_circle():
    leaf = Steps("leaf", steps=[Step("work", ShellOPTemplate("work", script="true"))])
    compile_workflow(Workflow("w", steps=Steps("main", steps=[Step("a", leaf), Step("b", leaf)])))
