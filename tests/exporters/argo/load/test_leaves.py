"""Containers, scripts, requests, pauses and resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from dflow.engine.expressions import evaluate_bool
from dflow.engine.model import (
    Expr,
    HttpTemplate,
    Literal,
    Ref,
    ResourceTemplate,
    Retry,
    ScriptTemplate,
    SuspendTemplate,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    First = Callable[..., Any]
    Found = Callable[..., tuple[str, ...]]


def container(**fields: Any) -> dict[str, Any]:
    return {"image": "a", "command": ["echo"], **fields}


def script(*command: str, **fields: Any) -> dict[str, Any]:
    return {"name": "s", "script": {"image": "a", "command": [*command], "source": "print(1)", **fields}}


def test_a_container_is_its_command_with_its_arguments(first: First) -> None:
    made = first({"name": "c", "container": container(args=["{{workflow.name}}", "b"])})
    assert made == ScriptTemplate("c", "container", None, ("{{workflow.name}}", "b"), pod=made.pod)
    assert (made.pod.image, made.pod.command) == ("a", ("echo",))


def test_a_container_without_a_command_is_a_problem(problems: Found) -> None:
    (problem,) = problems({"name": "c", "container": {"image": "a", "args": ["x"]}})
    assert problem.startswith("template 'c': no command")


@pytest.mark.parametrize(
    ("command", "language", "kept"),
    [
        (["python"], "python", ()),
        (["python3"], "python", ()),
        (["python3", "-u"], "python", ("python3", "-u")),
        (["sh"], "shell", ("sh",)),
        (["bash", "-e"], "shell", ("bash", "-e")),
        (["node"], "shell", ("node",)),
    ],
)
def test_the_command_of_a_script_says_its_language(
    first: First, command: list[str], language: str, kept: tuple[str, ...]
) -> None:
    made = first(script(*command))
    assert (made.language, made.pod.command, made.script, made.args) == (language, kept, "print(1)", ())


def test_arguments_of_a_script_come_before_its_file(first: First) -> None:
    assert first(script("awk", args=["-f"])).pod.command == ("awk", "-f")


def test_a_script_without_a_command_is_a_problem(problems: Found) -> None:
    (problem,) = problems(script())
    assert "images are not looked into" in problem


def test_variables_are_put_where_a_cluster_puts_them(first: First) -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)2"},
        {"name": "C", "value": "{{workflow.name}}"},
    ]
    made = first({"name": "c", "container": container(args=["$(B) $(NONE) $$(A)", "$(date)"], env=env)})
    assert made.pod.env == (("A", "1"), ("B", "12"), ("C", "{{workflow.name}}"))
    assert made.args == ("12 $(NONE) $(A)", "$(date)")


def test_secrets_are_names_and_are_noted(first: First, notes: Found) -> None:
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "token"}}}]
    given = {"name": "c", "container": container(env=env)}
    assert first(given).pod.secret_env == (("TOKEN", "mine", "token"),)
    assert any("TOKEN" in note and "template 'c'" in note for note in notes(given))


def test_a_variable_of_a_config_map_that_is_not_there_is_a_problem(problems: Found, first: First) -> None:
    reference = {"name": "conf", "key": "k"}
    env = [{"name": "X", "valueFrom": {"configMapKeyRef": reference}}]
    (problem,) = problems({"name": "c", "container": container(env=env)})
    assert "environment variable 'X'" in problem
    assert "'conf'" in problem
    env[0]["valueFrom"] = {"configMapKeyRef": {**reference, "optional": True}}
    assert first({"name": "c", "container": container(env=env)}).pod.env == ()


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"activeDeadlineSeconds": 5}, Literal("5")),
        ({"timeout": "1m30s"}, Literal("90")),
        ({"activeDeadlineSeconds": 100, "timeout": "0.5s"}, Literal("0.5")),
        ({"activeDeadlineSeconds": "{{inputs.parameters.t}}"}, Ref("inputs.parameters.t")),
        ({"timeout": "{{inputs.parameters.t}}s"}, Text("{{inputs.parameters.t}}s")),
        ({"timeout": "{{workflow.parameters.t}}"}, Literal("120")),
        ({}, None),
    ],
)
def test_the_shorter_limit_is_the_time_limit(first: First, fields: dict[str, Any], limit: object) -> None:
    given = {"name": "c", "container": container(), "inputs": {"parameters": [{"name": "t", "value": "1"}]}, **fields}
    arguments = {"parameters": [{"name": "t", "value": "2m"}]}
    assert first(given, arguments=arguments).pod.timeout == limit


@pytest.mark.parametrize(
    ("strategy", "retry"),
    [
        ({}, Retry(None, ("failure",))),
        ({"limit": "2"}, Retry(2, ("failure",))),
        ({"limit": 2, "expression": "true"}, Retry(2, ("failure", "error"), "true")),
        ({"limit": 2, "expression": "true", "retryPolicy": "OnError"}, Retry(2, ("error",), "true")),
        ({"limit": 0, "retryPolicy": "OnTransientError"}, Retry(0, ("transient",))),
        ({"limit": "{{workflow.parameters.n}}"}, Retry(7, ("failure",))),
        (
            {"limit": 1, "backoff": {"duration": "1m", "factor": 2, "cap": "2m", "maxDuration": 600}},
            Retry(1, ("failure",), None, 60.0, 2.0, 120.0, max_duration=600.0),
        ),
    ],
)
def test_a_retry_strategy(first: First, strategy: dict[str, Any], retry: Retry) -> None:
    if "backoff" in strategy:
        strategy["backoff"]["maxDuration"] = "10m"
    given = {"name": "c", "container": container(), "retryStrategy": strategy}
    assert first(given, arguments={"parameters": [{"name": "n", "value": 7}]}).pod.retry == retry


def test_a_limit_that_is_known_too_late_is_a_problem(problems: Found) -> None:
    (problem,) = problems(
        {
            "name": "c",
            "inputs": {"parameters": [{"name": "n", "value": "1"}]},
            "retryStrategy": {"limit": "{{inputs.parameters.n}}"},
            "container": container(),
        }
    )
    assert problem.startswith("template 'c', retryStrategy: limit is '{{inputs.parameters.n}}'")


def test_a_retry_may_ask_for_parameters_of_the_workflow(first: First, problems: Found) -> None:
    given = {"name": "c", "container": container()}
    arguments = {"parameters": [{"name": "max-n", "value": "2"}]}
    expression = "asInt(retries) < asInt(workflow.parameters['max-n'])"
    retry = first({**given, "retryStrategy": {"expression": expression}}, arguments=arguments).pod.retry
    assert [evaluate_bool(retry.expression, {"retries": str(number)}) for number in (1, 2)] == [True, False]
    (problem,) = problems({**given, "retryStrategy": {"expression": "workflow.name == lastRetry.status"}})
    assert "asks for workflow.name" in problem


def test_the_strategy_of_the_workflow_is_that_of_templates_without_one(first: First) -> None:
    given = {"name": "c", "container": container()}
    assert first(given, retryStrategy={"limit": 3}).pod.retry == Retry(3)
    assert first({**given, "retryStrategy": {"limit": 1}}, retryStrategy={"limit": 3}).pod.retry == Retry(1)


def test_a_request(first: First) -> None:
    http = {
        "url": "http://h/{{workflow.name}}",
        "method": "POST",
        "headers": [{"name": "X-A", "value": "{{workflow.uid}}"}],
        "body": "b",
        "timeoutSeconds": 4,
        "successCondition": "response.statusCode == 201",
        "insecureSkipVerify": True,
    }
    made = first({"name": "h", "http": http})
    assert made == HttpTemplate(
        "h",
        "http://h/{{workflow.name}}",
        "POST",
        (("X-A", "{{workflow.uid}}"),),
        "b",
        4,
        "response.statusCode == 201",
        insecure=True,
    )
    assert first({"name": "h", "http": {"url": "u", "bodyFrom": {"bytes": "aGk="}}}).body == "hi"
    assert first({"name": "h", "http": {"url": "u"}}).method == "GET"


def test_a_header_that_is_a_secret_is_a_problem(problems: Found) -> None:
    header = {"name": "Authorization", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}}
    (problem,) = problems({"name": "h", "http": {"url": "u", "headers": [header]}})
    assert "'Authorization'" in problem


@pytest.mark.parametrize(
    ("duration", "value"),
    [
        ("20", Literal("20")),
        ("{{inputs.parameters.d}}", Ref("inputs.parameters.d")),
        ("{{=inputs.parameters.d + 's'}}", Expr("inputs.parameters.d + 's'")),
    ],
)
def test_a_pause(first: First, duration: str, value: object) -> None:
    outputs = {"parameters": [{"name": "ok", "valueFrom": {"supplied": {}, "default": "no"}}]}
    inputs = {"parameters": [{"name": "d", "value": "1"}]}
    made = first({"name": "w", "suspend": {"duration": duration}, "inputs": inputs, "outputs": outputs})
    assert isinstance(made, SuspendTemplate)
    assert made.duration == value
    assert (made.outputs.parameters[0].supplied, made.outputs.parameters[0].default) == (True, Literal("no"))
    assert first({"name": "w", "suspend": {}}).duration is None


def test_a_resource_is_kept_for_the_engine_to_refuse(first: First) -> None:
    resource = {"action": "create", "manifest": "kind: Job", "successCondition": "a > 1", "flags": ["-v"]}
    outputs = {"parameters": [{"name": "p", "valueFrom": {"jsonPath": "{.status.phase}"}}]}
    made = first({"name": "r", "resource": resource, "outputs": outputs})
    assert made == ResourceTemplate("r", "create", "kind: Job", "a > 1", None, ("-v",), outputs=made.outputs)
    assert made.outputs.parameters[0].query == "jsonPath={.status.phase}"


@pytest.mark.parametrize(
    "fields",
    [
        {"containerSet": {"containers": [{"name": "main", "image": "a"}]}},
        {"data": {"source": {"artifactPaths": {"name": "x", "s3": {"key": "k"}}}, "transformation": []}},
        {"plugin": {"hello": {}}},
        {"container": container(), "daemon": True},
    ],
)
def test_what_only_a_cluster_runs_is_a_problem(problems: Found, fields: dict[str, Any]) -> None:
    (problem,) = problems({"name": "t", **fields})
    assert problem.startswith("template 't': ")
    assert "cannot be run here" in problem


def test_what_is_kept_for_other_runs(first: First, notes: Found) -> None:
    memoize = {"key": "{{workflow.name}}-a", "maxAge": "1h", "cache": {"configMap": {"name": "c"}}}
    made = first({"name": "c", "container": container(), "memoize": memoize})
    assert (made.memoize, made.memoize_age) == (Text("{{workflow.name}}-a"), 3600.0)
    assert any("maxAge" in note for note in notes({"name": "w", "suspend": {"duration": "1"}, "memoize": memoize}))


def test_the_progress_of_a_template_is_in_its_annotations(first: First) -> None:
    metadata = {"annotations": {"workflows.argoproj.io/progress": "0/100"}}
    assert first({"name": "c", "container": container(), "metadata": metadata}).pod.progress == "0/100"


def test_images_and_other_fields_of_a_cluster_are_noted_once_with_their_templates(notes: Found) -> None:
    found = notes(
        {"name": "m", "steps": [[{"name": "a", "template": "a"}], [{"name": "b", "template": "b"}]]},
        {"name": "a", "container": container(resources={"limits": {"cpu": 1}}), "nodeSelector": {"x": "y"}},
        {"name": "b", "container": container(), "sidecars": [{"name": "db", "image": "z", "command": ["d"]}]},
        serviceAccountName="me",
    )
    assert "the image 'a' is not used, programs of this machine are run (template 'a', template 'b')" in found
    assert "resources of containers is not used here (template 'a')" in found
    assert "nodeSelector is not used here (template 'a')" in found
    assert "sidecar 'db' is not run here (template 'b')" in found
    assert "serviceAccountName of the workflow is not used here" in found
    assert len(found) == 5
