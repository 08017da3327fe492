"""The table of names: what is allowed where."""

from __future__ import annotations

import pytest
from dflow import InputParameter, ShellOPTemplate, Step, Task, Workflow
from dflow.names import check_key, check_label


@pytest.mark.parametrize("name", ["w", "1w", "w.f", "a-b", "a" * 57, "a.b-c.1"])
def test_workflow_names_that_are_allowed(name):
    assert Workflow(name).name == name


@pytest.mark.parametrize("name", ["", "Wf", "w_f", "w-", "-w", "w..f", "w.-f", "a" * 58, "w\n", None, 3])
def test_workflow_names_that_are_not(name):
    with pytest.raises(ValueError, match="must consist of lower-case letters") as found:
        Workflow(name)
    assert repr(name) in str(found.value)


@pytest.mark.parametrize(("name", "made"), [("Hello", "hello"), ("a.b", "a.b"), ("1", "1")])
def test_template_names_are_made_lower_case(name, made):
    assert ShellOPTemplate(name).name == made


@pytest.mark.parametrize("name", ["a_b", "", "a b", "-a"])
def test_template_names_that_are_not_allowed(name):
    with pytest.raises(ValueError, match="template name"):
        ShellOPTemplate(name)


def test_template_without_a_name_gets_one():
    assert ShellOPTemplate().name != ShellOPTemplate().name


@pytest.mark.parametrize("name", ["A", "1a", "a-", "My-name1-2", "a" * 70])
def test_step_names_that_are_allowed(name):
    assert Step(name, ShellOPTemplate()).name == name


@pytest.mark.parametrize("name", ["a_b", "", "-a", "a b", "a.b", "a\n", None, 3])
@pytest.mark.parametrize("kind", [Step, Task])
def test_step_and_task_names_that_are_not(kind, name):
    with pytest.raises(ValueError, match=f"the {kind.__name__.lower()} name"):
        kind(name, ShellOPTemplate())


@pytest.mark.parametrize("name", ["my_param_1", "MY-PARAM", "_", "-"])
def test_parameter_names_that_are_allowed(name):
    assert check_label(name) == name


@pytest.mark.parametrize("name", ["a b", "a.b", "", "ä", "a\n", None])
def test_parameter_names_that_are_not(name):
    with pytest.raises(ValueError, match="the parameter name"):
        check_label(name)


def test_parameter_names_are_checked_when_the_workflow_is_compiled():
    from dflow.compile import compile_workflow
    from dflow.engine.errors import CompileError

    template = ShellOPTemplate("t", script="true")
    template.inputs.parameters["a b"] = InputParameter(value=1)
    wf = Workflow("w")
    wf.add(Step("s", template))
    with pytest.raises(CompileError, match="input parameter name 'a b'"):
        compile_workflow(wf)


@pytest.mark.parametrize(
    "key", ["a", "iter-0--fp-3", "a.b", "0", "A", "Upper_Key", "-a", "a/b", "..", "ä b", "a" * 253]
)
def test_keys_that_are_allowed(key):
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "a" * 254, "a\n", "a\x00b", "a\u200b"])
def test_keys_that_are_not(key):
    with pytest.raises(ValueError, match="the key"):
        check_key(key)
