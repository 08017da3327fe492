"""References, expressions, and the dicts that hold parameters and artifacts."""

from __future__ import annotations

import copy
import operator
from functools import partial

import pytest
from dflow import (
    AutonamedDict,
    IfExpression,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    if_expression,
)
from dflow.io import ArgoVar, Expression, type_to_str
from dflow.python import Parameter


@pytest.fixture
def template() -> ShellOPTemplate:
    made = ShellOPTemplate("t", script="true")
    made.inputs.parameters["i"] = InputParameter(value=1)
    made.inputs.artifacts["a"] = InputArtifact(path="/tmp/a", optional=True)
    for name, kind in (("x", None), ("n", int), ("f", float), ("s", str), ("b", bool), ("l", list)):
        made.outputs.parameters[name] = OutputParameter(value_from_path=f"/tmp/{name}", type=kind)
    made.outputs.artifacts["o"] = OutputArtifact(path="/tmp/o")
    return made


@pytest.fixture
def par(template):
    """The output parameters of a step."""
    return Step("st", template).outputs.parameters


def ref(name: str) -> str:
    return f"steps['st'].outputs.parameters['{name}']"


# -- references ------------------------------------------------------------------------------------------------


def test_reference_is_the_same_in_every_way_of_writing_it(par):
    x = par["x"]
    text = "{{steps.st.outputs.parameters.x}}"
    assert [str(x), repr(x), f"{x}", "%s" % x, "{}".format(x)] == [text] * 5  # noqa: UP031, UP032 - users write both


def test_format_width_applies_to_the_reference(par):
    assert f"{par['x']:>40}" == "{{steps.st.outputs.parameters.x}}".rjust(40)


def test_references_inside_a_key_are_kept(par):
    assert "iter-%s--%s" % (par["x"], 1) == "iter-{{steps.st.outputs.parameters.x}}--1"  # noqa: UP031


def test_reference_of_each_kind(template):
    step, task, steps = Step("st", template), Task("ta", template), Steps("s")
    steps.inputs.parameters["p"] = InputParameter()
    steps.inputs.artifacts["q"] = InputArtifact()
    found = {
        str(step.outputs.artifacts["o"]): "{{steps.st.outputs.artifacts.o}}",
        str(step.inputs.parameters["i"]): "{{steps.st.inputs.parameters.i}}",
        str(task.outputs.parameters["x"]): "{{tasks.ta.outputs.parameters.x}}",
        str(task.outputs.artifacts["o"]): "{{tasks.ta.outputs.artifacts.o}}",
        str(steps.inputs.parameters["p"]): "{{inputs.parameters.p}}",
        str(steps.inputs.artifacts["q"]): "{{inputs.artifacts.q}}",
        str(template.outputs.parameters["x"]): "{{outputs.parameters.x}}",
    }
    assert list(found) == list(found.values())


def test_expr_of_a_reference_quotes_its_names(par, template):
    assert par["x"].expr == ref("x")
    assert Task("ta", template).outputs.parameters["x"].expr == "tasks['ta'].outputs.parameters['x']"
    assert template.inputs.parameters["i"].expr == "inputs.parameters['i']"


# -- operators -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "sign"),
    [
        (operator.add, "+"),
        (operator.sub, "-"),
        (operator.mul, "*"),
        (operator.truediv, "/"),
        (operator.pow, "**"),
        (operator.lt, "<"),
        (operator.le, "<="),
        (operator.gt, ">"),
        (operator.ge, ">="),
    ],
)
def test_arithmetic_and_order_with_a_number_compare_numbers(par, function, sign):
    assert str(function(par["x"], 1)) == f"{{{{=(asFloat({ref('x')}) {sign} 1)}}}}"


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda p: 1 + p, "(1 + asFloat(P))"),
        (lambda p: 1 - p, "(1 - asFloat(P))"),
        (lambda p: 2 * p, "(2 * asFloat(P))"),
        (lambda p: 2 / p, "(2 / asFloat(P))"),
        (lambda p: 3 < p, "(asFloat(P) > 3)"),  # noqa: SIM300 - the swapped operator is the point
        (lambda p: -p, "(-asFloat(P))"),
        (lambda p: p % 2, "(int(asFloat(P)) % int(2))"),
    ],
)
def test_operators_with_the_number_first(par, function, text):
    assert function(par["x"]).expr == text.replace("P", ref("x"))


def test_parentheses_keep_the_order_of_python(par):
    x = ref("x")
    assert ((par["x"] + 1) * 2).expr == f"((asFloat({x}) + 1) * 2)"
    assert (par["x"] + 1 * 2).expr == f"(asFloat({x}) + 2)"
    assert (2 - (par["x"] - 1)).expr == f"(2 - (asFloat({x}) - 1))"
    assert ((par["x"] < 3) & ((par["x"] > 1) | (par["x"] == "a"))).expr == (
        f"((asFloat({x}) < 3) && ((asFloat({x}) > 1) || ({x} == 'a')))"
    )


def test_two_parameters_are_computed_as_numbers(par):
    assert (par["x"] + par["n"]).expr == f"(asFloat({ref('x')}) + asFloat({ref('n')}))"
    assert (par["x"] < par["n"]).expr == f"(asFloat({ref('x')}) < asFloat({ref('n')}))"


def test_two_texts_are_ordered_as_texts(template):
    a, b = Step("a", template).outputs.parameters["s"], Step("b", template).outputs.parameters["s"]
    assert (a < b).expr == "(steps['a'].outputs.parameters['s'] < steps['b'].outputs.parameters['s'])"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("x", "a", "(P == 'a')"),
        ("x", 3, "(P == '3')"),
        ("x", 3.5, "(P == '3.5')"),
        ("x", True, "(P == 'true')"),
        ("x", False, "(P == 'false')"),
        ("x", None, "(P == 'null')"),
        ("x", [1], "(P == '[1]')"),
        ("b", True, "(P == 'true')"),
        ("b", "true", "(P == 'true')"),
        ("n", 3, "(asFloat(P) == 3)"),
        ("f", 3, "(asFloat(P) == 3)"),
        ("f", 3.5, "(asFloat(P) == 3.5)"),
        ("s", "3", "(P == '3')"),
        ("x", "a'b", r"(P == 'a\'b')"),
        ("x", "a\\b", r"(P == 'a\\b')"),
        ("x", "a\nb", r"(P == 'a\nb')"),
        ("x", 'a"b', "(P == 'a\"b')"),
        ("x", "{{a}}", "(P == '{{a}}')"),
    ],
)
def test_equality_with_a_constant(par, name, value, text):
    assert (par[name] == value).expr == text.replace("P", ref(name))
    assert (par[name] != value).expr == text.replace("P", ref(name)).replace("==", "!=")


def test_equality_of_parameters_compares_numbers_when_one_is_declared_a_number(par):
    assert (par["x"] == par["s"]).expr == f"({ref('x')} == {ref('s')})"
    assert (par["n"] == par["x"]).expr == f"(asFloat({ref('n')}) == asFloat({ref('x')}))"


def test_text_is_joined_as_text(par):
    assert par["x"] + "-end" == "{{steps.st.outputs.parameters.x}}-end"
    assert "begin-" + par["x"] == "begin-{{steps.st.outputs.parameters.x}}"


def test_elements_of_a_list_or_dict_parameter(par):
    p = ref("l")
    assert par["l"][0].expr == f"jsonpath({p}, '$')[0]"
    assert par["l"]["k"].expr == f"jsonpath({p}, '$')['k']"
    assert par["l"][0]["k"].expr == f"jsonpath({p}, '$')[0]['k']"
    assert (par["l"][0] + 1).expr == f"(jsonpath({p}, '$')[0] + 1)"
    assert par["l"]["it's"].expr == rf"jsonpath({p}, '$')['it\'s']"
    assert ref("n") in par["l"][par["n"]].expr


def test_conditions_can_be_joined_and_turned_around(par):
    assert (~par["b"]).expr == f"(!({ref('b')} == 'true'))"
    assert (par["b"] & True).expr == f"(({ref('b')} == 'true') && true)"
    assert (~(par["x"] < 3)).expr == f"(!(asFloat({ref('x')}) < 3))"


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, object()])
def test_computing_with_what_is_no_number_says_so(par, value):
    with pytest.raises(TypeError, match="cannot compute with"):
        par["x"] * value


# -- if_expression ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (1, "1"),
        (1.5, "1.5"),
        ("b", "'b'"),
        ("it's", r"'it\'s'"),
        (True, "true"),
        (None, "nil"),
        ([1, "a"], '[1, "a"]'),
    ],
)
def test_if_expression_writes_its_branches(par, then, text):
    made = if_expression(par["x"] < 3, then, par["x"])
    assert isinstance(made, IfExpression)
    assert made.expr == f"((asFloat({ref('x')}) < 3) ? {text} : {ref('x')})"


def test_if_expression_takes_bool_parameters_texts_and_artifacts(par, template):
    step, task = Step("st", template), Task("ta", template)
    assert if_expression(par["b"], 1, 2).expr == f"(({ref('b')} == 'true') ? 1 : 2)"
    assert if_expression(f"{par['x']} == 1", 1, 2).expr == "(({{steps.st.outputs.parameters.x}} == 1) ? 1 : 2)"
    assert if_expression(True, step.outputs.artifacts["o"], task.outputs.artifacts["o"]).expr == (
        "(true ? steps['st'].outputs.artifacts['o'] : tasks['ta'].outputs.artifacts['o'])"
    )


def test_if_expression_refuses_what_is_no_condition():
    with pytest.raises(TypeError, match="3 is no condition"):
        if_expression(3, 1, 2)


# -- behaviour as an object ------------------------------------------------------------------------------------


def test_references_can_be_hashed_and_are_true(par):
    assert bool(par["x"]) is True
    assert len({par["x"], par["n"]}) == 2


def test_iterating_a_reference_says_how_to_loop(par):
    with pytest.raises(TypeError, match="with_param"):
        list(par["x"])


def test_expression_text_has_braces():
    assert str(ArgoVar("1 + 1")) == "{{=1 + 1}}"
    assert str(Expression("1 + 1")) == "{{=1 + 1}}"


@pytest.mark.parametrize(
    ("kind", "text"),
    [(int, "int"), (list[int], "list[int]"), ("Any", "Any"), (pytest.Item, "_pytest.nodes.Item"), (None, "None")],
)
def test_types_have_texts(kind, text):
    assert type_to_str(kind) == text


# -- dicts of parameters and artifacts -------------------------------------------------------------------------


def test_items_learn_their_name_and_owner(template):
    assert template.inputs.parameters["i"].name == "i"
    assert template.inputs.parameters["i"].template is template


def test_wrong_kind_of_item_is_refused():
    with pytest.raises(TypeError, match="'a' must be an InputParameter, not 1"):
        Inputs(parameters={"a": 1})


def test_artifact_put_into_parameters_goes_to_the_artifacts():
    outputs = Outputs(parameters={"bar": OutputArtifact(path="/tmp/bar")})
    assert list(outputs.artifacts) == ["bar"]
    assert outputs.parameters["bar"] is outputs.artifacts["bar"]


def test_artifacts_assigned_as_parameters_leave_the_parameters_alone():
    outputs = Outputs(parameters={"p": OutputParameter()})
    outputs.parameters = {"bar": OutputArtifact()}
    assert list(outputs.parameters) == ["p"]
    assert list(outputs.artifacts) == ["bar"]


def test_step_finds_an_artifact_declared_among_parameters():
    template = ShellOPTemplate("t", script="true")
    template.outputs.parameters["bar"] = OutputArtifact(path="/tmp/bar")
    assert str(Step("s", template).outputs.parameters["bar"]) == "{{steps.s.outputs.artifacts.bar}}"


def test_output_declared_after_the_step_was_made_is_found(template):
    step = Step("st", template)
    template.outputs.parameters["late"] = OutputParameter()
    assert str(step.outputs.parameters["late"]) == "{{steps.st.outputs.parameters.late}}"


def test_output_that_does_not_exist_is_a_key_error(par):
    with pytest.raises(KeyError, match="missing"):
        par["missing"]
    assert par.get("missing") is None


def test_same_item_in_two_templates_keeps_both_owners():
    item = InputParameter(value=1)
    a, b = ShellOPTemplate("a"), ShellOPTemplate("b")
    a.inputs.parameters["x"] = item
    b.inputs.parameters["y"] = item
    assert [a.inputs.parameters["x"].name, b.inputs.parameters["y"].name] == ["x", "y"]
    assert a.inputs.parameters["x"].template is a


def test_autonamed_dict_names_what_it_holds():
    made = AutonamedDict({"x": InputParameter()})
    made.update(y=OutputArtifact())
    assert {key: item.name for key, item in made.items()} == {"x": "x", "y": "y"}


def test_copy_of_a_template_has_inputs_of_its_own(template):
    twin = template.copy()
    twin.inputs.parameters["extra"] = InputParameter()
    assert "extra" not in template.inputs.parameters
    assert twin.inputs.parameters["i"].template is twin


def test_deep_copy_of_a_template_is_complete(template):
    twin = copy.deepcopy(template)
    assert list(twin.outputs.parameters) == list(template.outputs.parameters)
    assert twin.outputs.artifacts["o"] is not template.outputs.artifacts["o"]


def test_sub_path_of_artifacts_can_be_chained(template):
    artifact = Step("s", template).outputs.artifacts["o"]
    part = artifact.sub_path("a").sub_path("b")
    assert part._sub_path == "a/b"
    assert artifact._sub_path is None
    assert str(part) == str(artifact)


def test_default_is_another_word_for_value():
    assert InputParameter(default=3).value == 3
    assert OutputParameter(default=None).default is None


def test_unknown_arguments_become_attributes():
    assert InputParameter(unit="eV").unit == "eV"


def test_a_name_that_is_not_there_brings_up_the_known_ones(template):
    step = Step("s", template)
    with pytest.raises(KeyError, match=r"step 's': there is no output parameter 'nn'; did you mean 'n'\?"):
        step.outputs.parameters["nn"]
    with pytest.raises(KeyError, match="template 't': there is no output artifact 'zzz'; it has 'o'"):
        template.outputs.artifacts["zzz"]
    with pytest.raises(KeyError, match="there is no input artifact 'zzz'; it has none"):
        Inputs().artifacts["zzz"]
    assert step.outputs.parameters.get("nn") is None
    assert "nn" not in step.outputs.parameters


def test_an_artifact_cannot_be_looped_over(template):
    with pytest.raises(TypeError):
        list(Step("s", template).outputs.artifacts["o"])


def test_an_output_has_no_value_of_its_own_and_says_where_there_is_one(template):
    output = Step("s", template).outputs.parameters["n"]
    where = r"wf\.query_step\(name='s'\)\[0\]\.outputs\.parameters\['n'\]\.value"
    with pytest.raises(AttributeError, match=where):
        output.value  # noqa: B018 - asking for it is the test
    for number in (int, float):
        with pytest.raises(TypeError, match=where):
            number(output)
    assert not hasattr(output, "value")
    assert copy.deepcopy(output).name == "n"
    with pytest.raises(AttributeError, match="'OutputParameter' object has no attribute 'vale'"):
        output.vale  # noqa: B018 - likewise


@pytest.mark.parametrize(
    ("make", "name"),
    [(InputParameter, "value"), (OutputParameter, "default"), (partial(Parameter, int), "default")],
)
def test_what_was_not_given_is_no_attribute(make, name):
    assert not hasattr(make(), name)
    assert getattr(make(default=None), name) is None
    assert getattr(make(default=3), name) == 3


def test_an_input_without_a_default_gets_its_value_by_a_step():
    template = ShellOPTemplate("t", script="true")
    template.inputs.parameters = {"x": InputParameter(), "y": InputParameter(value=1)}
    step = Step("s", template, parameters={"x": 2})
    assert [step.inputs.parameters[name].value for name in "xy"] == [2, 1]
    assert not hasattr(template.inputs.parameters["x"], "value")
