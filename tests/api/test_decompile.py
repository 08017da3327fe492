"""``compile(decompile(graph)) == graph``, for graphs that use every field of the model."""

# ruff: noqa: UP037 - names of outputs, not annotations

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dflow import (
    DAG,
    ContainerOPTemplate,
    CustomArtifact,
    HookStep,
    HTTPArtifact,
    HTTPOPTemplate,
    InputArtifact,
    InputParameter,
    LocalArtifact,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    S3Artifact,
    Secret,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    argo_sequence,
    if_expression,
)
from dflow.code_gen import refuse
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine import codec, model
from dflow.engine.errors import UnsupportedError
from dflow.executor import ContainerExecutor
from dflow.python import OP, Artifact, BigParameter, NestedDict, OPIOSign, Parameter, PythonOPTemplate, Slices
from dflow.slurm import SlurmExecutor
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES: dict[str, Callable[[], Workflow]] = {}


def fixture(function: Callable[[], Workflow]) -> Callable[[], Workflow]:
    FIXTURES[function.__name__] = function
    return function


def shell(name: str = "t", script: str = "true") -> ShellOPTemplate:
    made = ShellOPTemplate(name, script=script)
    made.inputs.parameters["n"] = InputParameter(type=int, value=1)
    made.inputs.artifacts["a"] = InputArtifact(path="/tmp/a", optional=True)
    made.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    made.outputs.artifacts["a"] = OutputArtifact(path="/tmp/b")
    return made


def of(*added: object, **arguments: Any) -> Workflow:
    wf = Workflow("w", **arguments)
    for item in added:
        wf.add(item)
    return wf


@fixture
def one_step() -> Workflow:
    return of(Step("a", shell()))


@fixture
def nothing() -> Workflow:
    return of([])


@fixture
def chain() -> Workflow:
    a = Step("a", shell())
    return of(
        a, Step("b", shell(), parameters={"n": a.outputs.parameters["n"]}, artifacts={"a": a.outputs.artifacts["a"]})
    )


@fixture
def parallel_groups() -> Workflow:
    return of([Step("a", shell()), Step("b", shell())], Step("c", shell()), [Step("d", shell())])


@fixture
def dag() -> Workflow:
    a = Task("a", shell())
    b = Task("b", shell(), parameters={"n": a.outputs.parameters["n"]})
    return of([b, a, Task("c", shell(), dependencies=[a, "b"])])


@fixture
def workflow_fields() -> Workflow:
    return of(
        Step("a", shell(), parameters={"n": "{{workflow.parameters.k}}"}),
        parameters={"k": 1, "text": "{{not a tag}}", "l": [1, "a"]},
        labels={"x": "y"},
        annotations={"note": "long\ntext"},
        parallelism=3,
    )


@fixture
def call_fields() -> Workflow:
    a = Step("a", shell(), key="k-1", timeout=5, continue_on_failed=True)
    n = a.outputs.parameters["n"]
    b = Step("b", shell(), when=f"{n} < 3", key=f"k-{n}", timeout=n, continue_on_error=True)
    return of(a, b, Step("c", shell(), when=n < 3), Step("d", shell(), when="true", timeout="10s"))


@fixture
def expressions_everywhere() -> Workflow:
    a = Step("a", shell())
    n = a.outputs.parameters["n"]
    given = [n + 1, (n + 1) * 2, if_expression(n > 1, n, 0), "{{=1 + 1}}", f"n={n}", f"{n}{n}", n, "{{workflow.name}}"]
    return of(a, [Step(f"s{i}", shell(), parameters={"n": value}) for i, value in enumerate(given)])


@fixture
def texts_that_look_like_something_else() -> Workflow:
    template = shell()
    template.inputs.parameters["n"].type = str
    texts = ["", "5", "null", "true", '{"a": 1}', "[1", "a\nb", "'\"\\", "ü {x}", "}} {"]
    return of([Step(f"s{i}", template, parameters={"n": text}) for i, text in enumerate(texts)])


@fixture
def values_of_many_types() -> Workflow:
    template = shell()
    template.inputs.parameters["n"].type = None
    values = [1, 1.5, True, None, [1, {"a": None}], {"k": [1]}, (1, 2), {1, 2}, Path("/tmp/x"), {1: 2}]
    return of([Step(f"s{i}", template, parameters={"n": value}) for i, value in enumerate(values)])


@fixture
def parameter_declarations() -> Workflow:
    made = ShellOPTemplate("p", script="cat /tmp/in")
    made.inputs.parameters["a"] = InputParameter(type=list[int], value=[1], path="/tmp/in", description="numbers")
    made.inputs.parameters["b"] = InputParameter(save_as_artifact=True, value="")
    made.outputs.parameters["c"] = OutputParameter(
        value_from_path="/tmp/c",
        type=dict,
        default={},
        global_name="g",
        save_as_artifact=True,
        save_both=True,
        description="d",
    )
    made.outputs.parameters["d"] = OutputParameter(default=None)
    return of(Step("a", made))


@fixture
def artifact_declarations() -> Workflow:
    made = ShellOPTemplate("p", script="true")
    made.inputs.artifacts["a"] = InputArtifact(
        path="/tmp/a",
        source=LocalArtifact("/data").sub_path("x"),
        mode=0o644,
        sub_path="y",
        archive=None,
        type=list[Path],
    )
    made.inputs.artifacts["b"] = InputArtifact(path="/tmp/b", optional=True, save_as_parameter=True)
    made.outputs.artifacts["c"] = OutputArtifact(
        path="/tmp/c", type=Path, archive="zip", global_name="g", optional=True, save=[{"s3": {"key": "k"}}]
    )
    return of(Step("a", made, artifacts={"a": LocalArtifact("/other")}))


@fixture
def parts_of_artifacts() -> Workflow:
    a = Step("a", shell())
    part = a.outputs.artifacts["a"].sub_path("x/y")
    made = shell("from-a-file")
    made.inputs.parameters["n"] = InputParameter(type=int, source=LocalArtifact("/n"))
    return of(
        a,
        Step("b", shell(), artifacts={"a": part}),
        Step("element", shell(), artifacts={"a": a.outputs.artifacts["a"].sub_path("x")["k"][0]}),
        Step("list", shell(), artifacts={"a": [part, LocalArtifact("/d")[2]]}),
        Step("dict", shell(), artifacts={"a": {"k": part, "l": [a.outputs.artifacts["a"], part]}}),
        Step("from-a-file", made),
        Step("c", shell(), artifacts={"a": LocalArtifact("/d").sub_path("z")}),
    )


@fixture
def artifact_by_expression() -> Workflow:
    a, b = Step("a", shell()), Step("b", shell())
    chosen = if_expression(a.outputs.parameters["n"] > 1, a.outputs.artifacts["a"], b.outputs.artifacts["a"])
    steps = Steps("inner", steps=[a, b, Step("c", shell(), artifacts={"a": chosen})])
    steps.outputs.artifacts["x"] = OutputArtifact(from_expression=chosen)
    steps.outputs.artifacts["y"] = OutputArtifact(_from=a.outputs.artifacts["a"].sub_path("z"))
    steps.outputs.parameters["x"] = OutputParameter(value_from_expression=if_expression(True, 1, 2))
    steps.outputs.parameters["y"] = OutputParameter(value_from_parameter=b.outputs.parameters["n"])
    steps.outputs.parameters["z"] = OutputParameter(value_from_expression="1 + 1")
    return of(Step("s", steps))


@fixture
def nested_groups() -> Workflow:
    inner = Steps("inner", steps=[Step("x", shell())], parallelism=2)
    inner.inputs.parameters["n"] = InputParameter(value=3)
    inner.inputs.artifacts["a"] = InputArtifact(optional=True)
    i = Task("i", inner)
    middle = DAG("middle", tasks=[i, Task("j", inner, parameters={"n": 2})], parallelism=1)
    middle.inputs.parameters["k"] = InputParameter(value=4)
    middle.outputs.parameters["k"] = OutputParameter(value_from_parameter=middle.inputs.parameters["k"])
    return of(Step("m", middle), Step("n", inner))


@fixture
def recursion() -> Workflow:
    loop = Steps("loop")
    loop.inputs.parameters["n"] = InputParameter(value=0)
    step = Step("x", shell(), parameters={"n": loop.inputs.parameters["n"]})
    loop.add(step)
    loop.add(Step("next", loop, parameters={"n": step.outputs.parameters["n"]}, when=step.outputs.parameters["n"] < 3))
    return Workflow("w", steps=loop)


@fixture
def one_name_with_two_contents() -> Workflow:
    return of(
        Step("a", shell(script="1")), Step("b", shell(script="2")), Step("c", Steps("t", steps=[Step("x", shell())]))
    )


@fixture
def pods() -> Workflow:
    made = ShellOPTemplate(
        "pod",
        script="echo $A",
        image="debian:12",
        command=["bash", "-e"],
        envs={"A": "b", "C": 1},
        timeout=60,
        init_progress="0/100",
        node_selector={"gpu": "yes"},
        tolerations=[{"key": "x"}],
        volumes=[{"name": "v"}],
        mounts=[{"name": "v", "mountPath": "/v"}],
        requests={"cpu": "1"},
        limits={"memory": "1Gi"},
        image_pull_policy="Always",
        annotations={"a": "b"},
        labels={"c": "d"},
    )
    return of(Step("a", made))


@fixture
def every_language() -> Workflow:
    container = ContainerOPTemplate(command=["echo"], args=["a", "{{inputs.parameters.n}}"], name="c", image="alpine")
    container.inputs.parameters["n"] = InputParameter(value=1)
    python = PythonScriptOPTemplate("py", script="print({{inputs.parameters.n}})", command="python3")
    python.inputs.parameters["n"] = InputParameter(value=1)
    return of(
        Step("a", container), Step("b", python), Step("c", PythonScriptOPTemplate(script="1")), Step("d", shell())
    )


@fixture
def templates_without_names() -> Workflow:
    return of(
        Step("a", ShellOPTemplate(script="1")), Step("b", ShellOPTemplate(script="2")), Step("c", Steps(steps=[]))
    )


class Everything(OP):
    """Has every kind of sign."""

    @classmethod
    def get_input_sign(cls) -> OPIOSign:
        return OPIOSign(
            {
                "i": int,
                "d": Parameter(float, default=1.5),
                "b": BigParameter(dict, default={}),
                "l": list[int],
                "u": int | None,
                "path": Artifact(Path, optional=True),
                "paths": Artifact(list[Path], archive=None, optional=True),
                "nested": Artifact(NestedDict[Path], optional=True),
            }
        )

    @classmethod
    def get_output_sign(cls) -> OPIOSign:
        return OPIOSign(
            {"i": Parameter(int, global_name="g", default=0), "p": Artifact(dict[str, Path], global_name="h")}
        )

    def execute(self, op_in):
        """Nothing."""


@OP.function
def add(n: int, m: int = 2) -> {"sum": int}:
    """A sum."""
    return {"sum": n + m}


@fixture
def python_ops() -> Workflow:
    first = PythonOPTemplate(
        Everything, image="python:3.11", command=["python3", "-u"], python_packages=["/opt/pkg"], pre_script="x = 1\n",
        post_script="y = 2\n", timeout=10, output_parameter_default={"i": 5}, output_artifact_global_name={"p": "q"},
        output_artifact_archive={"p": None}, output_artifact_save={"p": [{"x": 1}]}, envs={"A": "b"},
        requests={"cpu": "1"},
    )  # fmt: skip
    a = Step("a", first, parameters={"i": 1, "l": [1, 2], "u": None})
    return of(
        a,
        Step(
            "b", PythonOPTemplate(add, isolation="warm"), isolation="spawn", parameters={"n": a.outputs.parameters["i"]}
        ),
    )


@fixture
def op_defined_in_a_function() -> Workflow:
    class Local(Everything):
        """Travels as a pickle."""

    return of(Step("a", PythonOPTemplate(Local), parameters={"i": 1, "l": [], "u": 1}))


@fixture
def loops_and_slices() -> Workflow:
    sliced = PythonOPTemplate(
        Everything,
        slices=Slices(
            input_parameter=["i"],
            input_artifact=["paths"],
            output_parameter=["i"],
            output_artifact=["p"],
            create_dir=True,
        ),
    )
    a = Step(
        "a", sliced, parameters={"i": [1, 2], "l": [1], "u": 1}, with_param=argo_range(2), continue_on_num_success=1
    )
    b = Step("b", shell(), with_param=["x", "y"], parallelism=2, continue_on_success_ratio=0.5, key="b-{{item}}")
    c = Step("c", shell(), with_sequence=argo_sequence(count=3, start=1, format="%02d"))
    d = Step("d", shell(), with_sequence=argo_sequence(start=1, end=3))
    return of(a, b, c, d)


@fixture
def slices_in_groups() -> Workflow:
    names = {"input_parameter": ["i"], "output_parameter": ["i"]}
    pool = Slices(**names, group_size=3, pool_size=2, pool_timeout=5, shuffle=True, random_seed=1)
    parameters = {"i": [1, 2], "l": [1], "u": 1}
    tolerant = Step("a", PythonOPTemplate(Everything, slices=pool), parameters=parameters, continue_on_num_success=1)
    strict = PythonOPTemplate(Everything, slices=Slices(**names, group_size=3, raise_for_group=True))
    return of(tolerant, Step("b", strict, parameters=parameters, continue_on_num_success=1))


@fixture
def hooks_and_exit() -> Workflow:
    asked = HookStep(shell(), "steps['a'].status == 'Failed'")
    step = Step("a", shell(), success_hook=HookStep(shell()), failure_hook=asked, running_hook=HookStep(shell()))
    return of(step, on_exit=shell())


@fixture
def retries() -> Workflow:
    again = PythonOPTemplate(Everything, retry_on_transient_error=3, timeout=5, timeout_as_transient_error=True)
    argo = shell()
    argo.retry_strategy = {
        "limit": "2",
        "expression": "lastRetry.exitCode == '3'",
        "backoff": {"duration": "1s", "factor": 2, "cap": "5s", "maxDuration": "1m"},
    }
    return of(Step("a", again, parameters={"i": 1, "l": [], "u": 1}), Step("b", argo))


@fixture
def whole_templates() -> Workflow:
    steps = Steps("inner", memoize_key="k", steps=[Step("s", shell())])
    steps.retry_strategy, steps.fail_fast = {"limit": 1}, True
    tasks = DAG("tasks", memoize_key="k-{{workflow.name}}", tasks=[Task("t", shell())])
    tasks.retry_strategy, tasks.fail_fast = {"limit": 1}, True
    kept = shell("kept")
    kept.memoize_key = "n-{{inputs.parameters.n}}"
    op = PythonOPTemplate(Everything, memoize_key="k")
    last = Step("d", op, parameters={"i": 1, "l": [], "u": 1})
    return of(Step("a", steps), Step("b", tasks), Step("c", kept), last)


@fixture
def stored() -> Workflow:
    several = [{"dflow_list_item": "a", "order": 0}, {"dflow_list_item": "b", "order": 1}]
    sources = [
        S3Artifact("k.tgz", several, urn="urn:1"),
        S3Artifact("k").sub_path("a/b"),
        S3Artifact("k", several)[1]["x"],
    ]
    template = shell()
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    return of(*(Step(f"s{i}", template, artifacts={"in": source}) for i, source in enumerate(sources)))


class Own(CustomArtifact):
    """An artifact of a class of the user's."""

    def get_urn(self) -> str:
        return "urn"

    def download(self, name: str, path: str) -> None:
        """Gets nothing."""


@fixture
def outside() -> Workflow:
    template = shell()
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    sources = [HTTPArtifact("https://h/{{workflow.name}}"), LocalArtifact("/d", urn="urn:1").sub_path("a")]
    return of(*(Step(f"s{i}", template, artifacts={"in": source}) for i, source in enumerate(sources)))


@fixture
def of_a_class() -> Workflow:
    template = shell()
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in")
    return of(Step("a", template, artifacts={"in": Own()}))


@fixture
def elsewhere() -> Workflow:
    return of(
        Step("a", shell(), executor=SlurmExecutor(cpus=2), util_image="own:1", util_command="python3"),
        Step("b", shell(), executor=ContainerExecutor("docker")),
    )


@fixture
def http() -> Workflow:
    template = HTTPOPTemplate(
        "http://localhost/{{inputs.parameters.n}}",
        name="ask",
        method="post",
        headers={"A": "b"},
        body="{}",
        timeout=3,
        success_condition="response.statusCode == 201",
        insecure_skip_verify=True,
        memoize_key="k",
    )
    template.inputs.parameters["n"] = InputParameter(value=1)
    template.outputs.parameters["x"] = OutputParameter(value_from_path="/tmp/x")
    secret = shell("secret")
    secret.envs = {"TOKEN": Secret(name="store", key="token")}
    steps = Steps("main", steps=[Step("ask", template), Step("secret", secret)])
    return Workflow(
        "wf", steps=steps, pod_gc_strategy="OnPodSuccess", image_pull_secrets=["registry"], artifact_repo_key="main"
    )


@pytest.mark.parametrize("name", list(FIXTURES))
def test_graph_survives_the_way_back_to_objects(name):
    graph = compile_workflow(FIXTURES[name]())
    assert compile_workflow(decompile(graph)) == graph


@pytest.mark.parametrize("name", list(FIXTURES))
def test_graph_survives_json_and_yaml(name):
    wf = FIXTURES[name]()
    graph = compile_workflow(wf)
    assert codec.loads(codec.dumps(graph)) == graph
    data = wf.to_graph()
    assert compile_workflow(Workflow.from_graph(json.loads(json.dumps(data)))) == graph
    assert compile_workflow(Workflow.from_graph_json(wf.to_graph_json(indent=2))) == graph
    assert compile_workflow(Workflow.from_graph_yaml(wf.to_graph_yaml())) == graph


def records(value: Any) -> list[Any]:
    """All records inside of a record."""
    if dataclasses.is_dataclass(value):
        inner = [item for field in dataclasses.fields(value) for item in records(getattr(value, field.name))]
        return [value, *inner]
    return [item for part in value for item in records(part)] if isinstance(value, tuple) else []


def test_the_graphs_use_every_field_of_the_model():
    used = {
        (type(record).__name__, field.name)
        for make in FIXTURES.values()
        for record in records(compile_workflow(make()))
        for field in dataclasses.fields(record)
        if getattr(record, field.name) != field.default
    }
    known = {
        (kind.__name__, field.name)
        for kind in map(model.__dict__.get, model.__all__)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
    }
    manifests_only = {(kind.__name__, name) for kind, names in refuse._FIELDS.items() for name in names}
    manifests_only |= {(kind.__name__, field.name) for kind in refuse._RECORDS for field in dataclasses.fields(kind)}
    assert known - used == {*manifests_only, ("WorkflowGraph", "schema")}


def test_a_graph_that_objects_cannot_say_is_kept_as_it_is():
    graph = compile_workflow(FIXTURES["http"]())
    graph = dataclasses.replace(graph, deadline=model.Literal("60"))
    assert compile_workflow(decompile(graph)) == graph


def test_workflow_from_a_graph_runs():
    template = ShellOPTemplate("t", script="echo $(({{inputs.parameters.n}} + 1)) > /tmp/n")
    template.inputs.parameters["n"] = InputParameter(type=int)
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    a = Step("a", template, parameters={"n": 1})
    wf = of(a, Step("b", template, parameters={"n": a.outputs.parameters["n"]}))
    again = Workflow.from_graph_yaml(wf.to_graph_yaml())
    again.submit()
    assert again.query_step("b").outputs.parameters["n"].value == 3


def test_steps_can_be_added_to_a_workflow_from_a_graph():
    again = Workflow.from_graph(one_step().to_graph())
    again.add(Step("more", shell(), parameters={"n": "{{steps.a.outputs.parameters.n}}"}))
    graph = compile_workflow(again)
    assert [
        call.name for t in graph.templates if isinstance(t, model.StepsTemplate) for g in t.groups for call in g
    ] == ["a", "more"]


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,5}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=12)
GIVEN = st.one_of(st.integers(), st.booleans(), st.none(), TEXTS, st.lists(st.integers(), max_size=3))


@st.composite
def chains(draw: st.DrawFn) -> Workflow:
    """Groups of steps; each may use what any earlier group gives."""
    template = shell()
    template.inputs.parameters["n"].type = None
    wf, earlier = Workflow("w"), []
    names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    while names:
        size = draw(st.integers(1, len(names)))
        group = []
        for name in names[:size]:
            source = draw(st.sampled_from(earlier)).outputs.parameters["n"] if earlier and draw(st.booleans()) else None
            made = (
                draw(GIVEN)
                if source is None
                else draw(st.sampled_from([source, f"x-{source}", source + 1, source < 2]))
            )
            group.append(Step(name, template, parameters={"n": made}, key=draw(st.none() | st.just(f"k-{name}0"))))
        wf.add(group if size > 1 or draw(st.booleans()) else group[0])
        earlier += group
        names = names[size:]
    return wf


@st.composite
def dags(draw: st.DrawFn) -> Workflow:
    """Tasks that depend on some of those before them, added in any order."""
    template, tasks = shell(), []
    for name in draw(st.lists(NAMES, min_size=1, max_size=8, unique=True)):
        wanted = draw(st.lists(st.sampled_from(tasks), unique_by=id, max_size=3)) if tasks else []
        parameters = {"n": wanted[0].outputs.parameters["n"]} if wanted and draw(st.booleans()) else {}
        tasks.append(Task(name, template, dependencies=wanted, parameters=parameters))
    return Workflow("w", dag=DAG("d", tasks=draw(st.permutations(tasks))))


@given(chains() | dags())
def test_any_graph_survives_the_way_back_to_objects(wf):
    graph = compile_workflow(wf)
    assert compile_workflow(decompile(graph)) == graph
    assert codec.loads(codec.dumps(graph)) == graph


def again(template: Any, made: dict[int, Any]) -> Any:
    """The template, and all that it calls, each made anew from the JSON of its piece."""
    if id(template) in made:
        return made[id(template)]
    if not isinstance(template, (Steps, DAG)):
        piece = json.loads(json.dumps(template.convert_to_graph()))
        made[id(template)] = type(template).from_graph(piece)
        return made[id(template)]
    piece, called = template.convert_to_graph()
    others = [again(one, made) for one in called if one is not template]
    kind = Steps if isinstance(template, Steps) else DAG
    made[id(template)] = kind.from_graph(json.loads(json.dumps(piece)), others)
    return made[id(template)]


@pytest.mark.parametrize("name", sorted(set(FIXTURES) - {"one_name_with_two_contents"}))
def test_every_template_and_step_comes_back_from_its_piece(name: str) -> None:
    wf = FIXTURES[name]()
    graph = compile_workflow(wf)
    made: dict[int, Any] = {}
    wf.entrypoint = again(wf.entrypoint, made)
    wf.on_exit = None if wf.on_exit is None else again(wf.on_exit, made)

    assert compile_workflow(wf) == graph


def test_pieces_refuse_different_templates_of_one_name() -> None:
    main = Steps("main", steps=[Step("a", shell("t", "true")), Step("b", shell("t", "false"))])
    with pytest.raises(UnsupportedError, match="'main' has different templates of the name 't'"):
        main.convert_to_graph()


def test_templates_that_are_the_same_are_given_once() -> None:
    main = Steps("main", steps=[Step("a", shell("t")), Step("b", shell("t"))])
    piece, called = main.convert_to_graph()
    assert [one.name for one in called] == ["t"]
    assert compile_workflow(of(Step("x", Steps.from_graph(piece, called)))) == compile_workflow(of(Step("x", main)))
