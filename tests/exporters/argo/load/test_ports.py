"""Inputs and outputs: parameters, artifacts, and where they come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.errors import CompileError
from dflow.engine.model import (
    ArtifactFrom,
    Expr,
    HttpArtifact,
    InputArtifact,
    InputParameter,
    Literal,
    LocalArtifact,
    OutputArtifact,
    OutputParameter,
    RawArtifact,
    Ref,
    StoredArtifact,
    Text,
)
from dflow.exporters.argo.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.engine.model import ArtifactSource

    First = Callable[..., Any]
    Found = Callable[..., tuple[str, ...]]
    Manifest = Callable[..., dict[str, Any]]

ECHO = {"image": "a", "command": ["echo"]}


def leaf(**fields: Any) -> dict[str, Any]:
    return {"name": "t", "container": ECHO, **fields}


def test_the_value_of_an_input_is_its_default(first: First) -> None:
    rows = [{"name": "a", "value": 1}, {"name": "b", "default": "{{workflow.name}}", "description": "B"}]
    made = first(leaf(inputs={"parameters": rows}))
    assert made.inputs.parameters == (
        InputParameter("a", default=Literal("1")),
        InputParameter("b", default=Ref("workflow.name"), description="B"),
    )


def test_types_are_in_an_annotation(first: First, problems: Found) -> None:
    types = {"inputs": {"a": "int"}, "outputs": {"b": "typing.List[int]"}}
    inputs = {"parameters": [{"name": "a", "value": "1"}]}
    outputs = {"parameters": [{"name": "b", "valueFrom": {"path": "/b"}}]}
    metadata = {"annotations": {"dflow/parameters": json.dumps(types)}}
    made = first(leaf(inputs=inputs, outputs=outputs, metadata=metadata))
    assert (made.inputs.parameters[0].type, made.outputs.parameters[0].type) == ("int", "typing.List[int]")
    (problem,) = set(problems(leaf(metadata={"annotations": {"dflow/parameters": "x"}})))
    assert "dflow/parameters" in problem


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ({"valueFrom": {"path": "/p"}}, OutputParameter("o", path="/p")),
        ({"valueFrom": {"path": "/p", "default": 0}}, OutputParameter("o", path="/p", default=Literal("0"))),
        ({"valueFrom": {"path": "/p"}, "globalName": "g"}, OutputParameter("o", path="/p", global_name="g")),
        ({"value": "v"}, OutputParameter("o", default=Literal("v"))),
    ],
)
def test_an_output_of_a_leaf(first: First, row: dict[str, Any], made: OutputParameter) -> None:
    assert first(leaf(outputs={"parameters": [{"name": "o", **row}]})).outputs.parameters == (made,)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"parameter": "{{steps.s.outputs.parameters.p}}"}, Ref("steps.s.outputs.parameters.p")),
        ({"parameter": "steps.s.outputs.parameters.p"}, Ref("steps.s.outputs.parameters.p")),
        ({"expression": "steps.s.outputs.parameters.p ?? 'x'"}, Expr("steps.s.outputs.parameters.p ?? 'x'")),
    ],
)
def test_an_output_of_steps(first: First, source: dict[str, str], value: object) -> None:
    given = leaf(outputs={"parameters": [{"name": "p", "valueFrom": {"path": "/p"}}]})
    outputs = {"parameters": [{"name": "o", "valueFrom": {**source, "default": "d"}}]}
    made = first({"name": "main", "steps": [[{"name": "s", "template": "t"}]], "outputs": outputs}, given)
    assert made.outputs.parameters == (OutputParameter("o", source=value, default=Literal("d")),)


def passing(**argument: Any) -> list[dict[str, Any]]:
    """Steps that give an artifact from one to the next."""
    write = {"name": "write", "container": ECHO, "outputs": {"artifacts": [{"name": "o", "path": "/o"}]}}
    read = {"name": "read", "container": ECHO, "inputs": {"artifacts": [{"name": "i", "path": "/i"}]}}
    reader = {"name": "r", "template": "read", "arguments": {"artifacts": [{"name": "i", **argument}]}}
    return [{"name": "main", "steps": [[{"name": "w", "template": "write"}], [reader]]}, write, read]


@pytest.mark.parametrize(
    ("argument", "source"),
    [
        ({"from": "{{steps.w.outputs.artifacts.o}}"}, ArtifactFrom(Ref("steps.w.outputs.artifacts.o"))),
        ({"from": "steps.w.outputs.artifacts.o"}, ArtifactFrom(Ref("steps.w.outputs.artifacts.o"))),
        (
            {"from": "{{steps.w.outputs.artifacts.o}}", "subPath": "a/b"},
            ArtifactFrom(Ref("steps.w.outputs.artifacts.o"), "a/b"),
        ),
        ({"raw": {"data": "x{{workflow.name}}"}}, RawArtifact(Text("x{{workflow.name}}"))),
        ({"http": {"url": "http://h/f"}}, HttpArtifact(Literal("http://h/f"))),
    ],
)
def test_the_artifact_of_a_step(first: First, argument: dict[str, Any], source: ArtifactSource) -> None:
    assert first(*passing(**argument)).groups[1][0].artifacts == (("i", source),)


@pytest.mark.parametrize("location", [{"s3": {"key": "k/x"}}, {"oss": {"key": "k/x"}}, {"gcs": {"key": "k/x"}}])
def test_a_key_of_the_plan_is_a_local_file(manifest: Manifest, location: dict[str, Any]) -> None:
    given = leaf(inputs={"artifacts": [{"name": "i", "path": "/i", **location}]})
    whole = load(manifest(given), uploads={"k/x": "/files/x"}).graph.templates[0]
    inside = load(manifest(given), uploads={"k": "/files"}).graph.templates[0]
    assert whole.inputs.artifacts == (InputArtifact("i", "/i", source=LocalArtifact("/files/x")),)
    assert inside.inputs.artifacts == (InputArtifact("i", "/i", source=LocalArtifact("/files", "x")),)


def test_a_key_that_nobody_gives_is_a_problem_unless_it_is_optional(problems: Found, first: First) -> None:
    artifact = {"name": "i", "path": "/i", "s3": {"key": "k/x", "bucket": "b"}}
    (problem,) = problems(leaf(inputs={"artifacts": [artifact]}))
    assert problem.startswith("template 't', input artifact 'i': the key 'k/x'")
    made = first(leaf(inputs={"artifacts": [{**artifact, "optional": True}]}))
    assert made.inputs.artifacts[0].source == StoredArtifact(Literal("k/x"))


@pytest.mark.parametrize("made", ["k/x", "k", "k/x/y", "{{workflow.name}}/x", "k/{{pod.name}}"])
def test_a_key_that_a_step_may_make_is_no_problem(first: First, made: str) -> None:
    write = leaf(outputs={"artifacts": [{"name": "o", "path": "/o", "archive": {"none": {}}, "s3": {"key": made}}]})
    read = {**leaf(inputs={"artifacts": [{"name": "i", "path": "/i", "s3": {"key": "k/x"}}]}), "name": "r"}
    main = {"name": "main", "steps": [[{"name": "a", "template": "t"}], [{"name": "b", "template": "r"}]]}
    assert first(main, write, read).name == "main"


def test_a_key_that_a_step_cannot_make_is_a_problem(problems: Found) -> None:
    write = leaf(outputs={"artifacts": [{"name": "o", "path": "/o", "s3": {"key": "other"}}]})
    read = {**leaf(inputs={"artifacts": [{"name": "i", "path": "/i", "s3": {"key": "k/x"}}]}), "name": "r"}
    main = {"name": "main", "steps": [[{"name": "a", "template": "t"}], [{"name": "b", "template": "r"}]]}
    (problem,) = problems(main, write, read)
    assert "'k/x'" in problem


@pytest.mark.parametrize(
    "location",
    [
        {"git": {"repo": "https://h/r"}},
        {"artifactory": {"url": "https://h/r"}},
        {"hdfs": {"addresses": ["a:1"], "path": "/p", "hdfsUser": "u"}},
        {"http": {"url": "http://h", "headers": [{"name": "A", "value": "b"}]}},
    ],
)
def test_places_that_are_not_reached_are_problems(problems: Found, location: dict[str, Any]) -> None:
    (problem,) = problems(leaf(inputs={"artifacts": [{"name": "i", "path": "/i", **location}]}))
    assert problem.startswith("template 't', input artifact 'i': ")


def test_a_declared_artifact_keeps_its_mode_and_archive(first: First) -> None:
    rows = [
        {"name": "a", "path": "/a", "mode": 493, "optional": True, "archive": {"none": {}}},
        {
            "name": "b",
            "path": "/b",
            "optional": True,
            "archive": {"tar": {}},
            "raw": {"data": "{{inputs.parameters.p}}"},
        },
    ]
    made = first(leaf(inputs={"artifacts": rows, "parameters": [{"name": "p", "value": "1"}]}))
    assert made.inputs.artifacts == (
        InputArtifact("a", "/a", optional=True, mode=0o755, archive=None),
        InputArtifact("b", "/b", optional=True, archive="tar", source=RawArtifact(Ref("inputs.parameters.p"))),
    )


def test_an_output_artifact(first: First) -> None:
    row = {"name": "o", "path": "/o", "optional": True, "globalName": "g", "archive": {"none": {}}}
    made = first(leaf(outputs={"artifacts": [{**row, "s3": {"key": "{{workflow.name}}/{{pod.name}}"}}]}))
    key = Text("{{workflow.name}}/{{pod.name}}")
    assert made.outputs.artifacts == (OutputArtifact("o", "/o", optional=True, archive=None, global_name="g", key=key),)


def test_an_artifact_of_steps_may_be_chosen(first: First) -> None:
    main, *others = passing(**{"from": "{{steps.w.outputs.artifacts.o}}"})
    choice = "steps.w.status == 'Succeeded' ? steps.w.outputs.artifacts.o : nil"
    main["outputs"] = {
        "artifacts": [
            {"name": "a", "from": "{{steps.w.outputs.artifacts.o}}"},
            {"name": "b", "fromExpression": choice},
        ]
    }
    assert [artifact.source for artifact in first(main, *others).outputs.artifacts] == [
        ArtifactFrom(Ref("steps.w.outputs.artifacts.o")),
        ArtifactFrom(Expr(choice)),
    ]


CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": "from the map"}}


def test_a_config_map_among_the_documents_gives_values(manifest: Manifest) -> None:
    source = {"configMapKeyRef": {"name": "c", "key": "k"}}
    given = manifest(
        leaf(inputs={"parameters": [{"name": "p", "valueFrom": source}]}),
        arguments={"parameters": [{"name": "w", "valueFrom": source}]},
    )
    made = load([given, CONFIG_MAP]).graph
    assert made.parameters == (("w", "from the map"),)
    assert made.templates[0].inputs.parameters[0].default == Literal("from the map")
    with pytest.raises(CompileError) as caught:
        load([given])
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "workflow parameter 'w'",
        "template 't', input parameter 'p'",
    ]


def test_a_default_stands_in_for_what_nobody_gives(first: First) -> None:
    source = {"configMapKeyRef": {"name": "c", "key": "k"}, "default": "d"}
    made = first(leaf(inputs={"parameters": [{"name": "p", "valueFrom": source}]}))
    assert made.inputs.parameters[0].default == Literal("d")
