"""A graph survives its JSON form; what does not fit is named."""

from __future__ import annotations

import json

import pytest
from dflow.engine import codec, model
from dflow.engine.errors import StateError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

st.register_type_strategy(float, st.floats(allow_nan=False))  # which is not equal to itself
GRAPHS = st.from_type(model.WorkflowGraph)
SMALL = model.WorkflowGraph("wf", "main", (model.StepsTemplate("main", ()),))
relaxed = settings(
    max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@relaxed
@given(GRAPHS)
def test_decoding_an_encoded_graph_gives_an_equal_graph(graph):
    assert codec.decode(codec.encode(graph)) == graph


@relaxed
@given(st.from_type(model.Call), st.from_type(model.ScriptTemplate), st.from_type(model.PythonOpTemplate))
def test_records_survive_the_way_through_json_text(call, script, op):
    group = model.DagTemplate("main", (call,))
    graph = model.WorkflowGraph("wf", "main", (group, script, op))
    assert codec.loads(codec.dumps(graph)) == graph


@pytest.mark.parametrize(
    "value", [model.Literal("{{x}}\u2028\n'\""), model.Ref("a.b"), model.Expr("1 + 1"), model.Text("a{{b}}")]
)
def test_the_kind_of_a_value_is_kept(value):
    assert codec.decode(json.loads(json.dumps(codec.encode(value)))) == value


def test_fields_that_have_their_default_are_left_out():
    assert codec.encode(model.Ref("x")) == {"is": "Ref", "path": "x"}
    assert codec.encode(model.OutputParameter("x")) == {"is": "OutputParameter", "name": "x"}


def test_the_schema_version_is_always_written():
    assert json.loads(codec.dumps(SMALL))["schema"] == model.SCHEMA_VERSION


def test_an_unknown_record_is_named():
    with pytest.raises(StateError, match="record 'PluginTemplate' that this version of dflow does not know"):
        codec.decode({"is": "PluginTemplate"})


@pytest.mark.parametrize("kind", [None, 7, [], "object", "SCHEMA_VERSION", "Value"])
def test_what_is_no_record_is_refused(kind):
    with pytest.raises(StateError, match="does not know"):
        codec.decode({"is": kind})


def test_an_unknown_field_is_named():
    with pytest.raises(StateError, match=r"record 'Ref' does not fit this version of dflow: .*'colour'"):
        codec.decode({"is": "Ref", "path": "x", "colour": "red"})


def test_a_missing_field_is_named():
    with pytest.raises(StateError, match=r"record 'Ref' does not fit.*'path'"):
        codec.decode({"is": "Ref"})


def test_a_newer_schema_asks_for_an_update():
    text = json.dumps({**json.loads(codec.dumps(SMALL)), "schema": model.SCHEMA_VERSION + 1})
    with pytest.raises(StateError, match=r"schema 2, this dflow reads up to 1: update pydflow"):
        codec.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "no workflow graph"),
        ('{"is": "Ref", "path": "x"}', "no workflow graph"),
        ('{"schema": "1"}', "no workflow graph"),
        ("null", "no workflow graph"),
    ],
)
def test_other_texts_are_refused(text, message):
    with pytest.raises(StateError, match=message):
        codec.loads(text)
