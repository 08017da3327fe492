"""Every kind of problem that compiling finds, with its place and a hint."""

# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import pytest
from dflow import (
    DAG,
    ContainerOPTemplate,
    HookStep,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    S3Artifact,
    Secret,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
)
from dflow.compile import compile_workflow
from dflow.engine.errors import CompileError
from dflow.engine.model import ScriptTemplate
from dflow.python import OP, PythonOPTemplate, Slices


def template(name: str = "t") -> ShellOPTemplate:
    made = ShellOPTemplate(name, script="true")
    made.inputs.parameters["lr"] = InputParameter(type=float, value=0.1)
    made.inputs.parameters["epochs"] = InputParameter(type=int, value=1)
    made.inputs.artifacts["data"] = InputArtifact(path="/tmp/data", optional=True)
    made.outputs.parameters["loss"] = OutputParameter(value_from_path="/tmp/loss", type=float)
    made.outputs.parameters["names"] = OutputParameter(value_from_path="/tmp/names", type=list)
    made.outputs.artifacts["model"] = OutputArtifact(path="/tmp/model")
    return made


def problems(*added: object, **arguments: object) -> list[str]:
    wf = Workflow("w", **arguments)
    for item in added:
        wf.add(item)
    with pytest.raises(CompileError) as found:
        compile_workflow(wf)
    return list(found.value.problems)


def problem(*added: object, **arguments: object) -> str:
    (only,) = problems(*added, **arguments)
    return only


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("steps.frist.outputs.parameters.loss", "step 'frist' is not in 'w'; did you mean 'first'?"),
        ("steps.first.outputs.parameters.los", "has no output parameter 'los'; did you mean 'loss'?"),
        ("steps.first.output.parameters.loss", "a step has outputs"),
        ("steps.first.outputs.artifacts.mdoel", "has no output artifact 'mdoel'; did you mean 'model'?"),
        ("inputs.parameters.lr", "template 'w' has no input parameter 'lr'"),
        ("workflow.parameters.n", "the workflow has no parameter 'n'; did you mean 'nn'?"),
        ("workflow.nmae", "did you mean 'name'?"),
        ("item", "it exists only in loops"),
        ("item.x", "it exists only in loops"),
        ("tasks.first.outputs.parameters.loss", "cannot be used here: tasks.… belongs to a DAG"),
    ],
)
def test_unknown_reference_gets_a_hint(reference, hint):
    second = Step("second", template(), parameters={"lr": "{{" + reference + "}}"})
    text = problem(Step("first", template()), second, parameters={"nn": 1})
    assert text.startswith("steps 'w': step 'second': parameter 'lr': " + reference)
    assert hint in text


def test_references_are_checked_in_when_key_artifacts_and_expressions():
    bad = "{{steps.nope.outputs.parameters.x}}"
    step = Step(
        "s",
        template(),
        when=f"{bad} == 1",
        key=f"k-{bad}",
        timeout=bad,
        parameters={"lr": "{{=" + bad[2:-2] + " + 1}}"},
    )
    step.artifacts["data"] = "{{steps.nope.outputs.artifacts.y}}"
    places = [line.split(": ")[2] for line in problems(step)]
    assert sorted(places) == ["artifact 'data'", "key", "parameter 'lr'", "timeout", "when"]


def test_step_that_runs_later_cannot_be_used():
    late = Step("late", template())
    early = Step("early", template(), parameters={"lr": late.outputs.parameters["loss"]})
    assert "step 'late' does not run before this one; add it earlier" in problem(early, late)


def test_step_of_the_same_parallel_group_cannot_be_used():
    a = Step("a", template())
    assert "does not run before" in problem([a, Step("b", template(), parameters={"lr": a.outputs.parameters["loss"]})])


def test_steps_reference_in_a_dag_says_where_it_belongs():
    a = Task("a", template())
    b = Task("b", template(), parameters={"lr": "{{steps.a.outputs.parameters.loss}}"})
    assert "steps.… belongs to a Steps" in problem([a, b])


def test_missing_argument():
    made = ShellOPTemplate("t", script="true")
    made.inputs.parameters["n"] = InputParameter()
    made.inputs.artifacts["a"] = InputArtifact(path="/tmp/a")
    assert problems(Step("s", made)) == [
        "steps 'w': step 's': input parameter 'n' of template 't' is not given and has no default",
        "steps 'w': step 's': input artifact 'a' of template 't' is not given and not optional",
    ]


def test_input_of_the_entry_without_a_value():
    steps = Steps("s", steps=[Step("a", template())])
    steps.inputs.parameters["n"] = InputParameter()
    assert "its input parameter 'n' has no value" in problem(steps=steps)
    compile_workflow(Workflow("w", steps=steps, parameters={"n": 1}))


def test_unknown_argument_of_a_growing_template():
    loop = Steps("loop", steps=[Step("a", template())])
    loop.inputs.parameters["epochs"] = InputParameter(value=1)
    text = problem(Step("s", loop, parameters={"epoch": 1}))
    assert "template 'loop' has no input parameter 'epoch'; did you mean 'epochs'?" in text


def test_duplicate_names():
    assert "2 of its steps have the name 'a'" in problem(Step("a", template()), Step("a", template()))
    assert "2 of its tasks have the name 'a'" in problem([Task("a", template()), Task("a", template())])


def test_circle_is_printed_as_a_path():
    tasks = [Task(n, template(), dependencies=[d]) for n, d in (("a", "c"), ("b", "a"), ("c", "b"), ("d", "a"))]
    text = problem(tasks)
    assert "in a circle: " in text
    path = text.partition("in a circle: ")[2].split(" → ")
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}


def test_task_that_depends_on_itself():
    assert "in a circle: a → a" in problem([Task("a", template(), dependencies=["a"])])


def test_unknown_dependency():
    text = problem([Task("first", template()), Task("b", template(), dependencies=["frist"])])
    assert "task 'b' depends on 'frist', which is no task of it; did you mean 'first'?" in text


@pytest.mark.parametrize(("value", "text"), [("fast", "not str: 'fast'"), ([1], "not list: [1]"), ({}, "not dict: {}")])
def test_constant_of_the_wrong_type(value, text):
    assert problem(Step("s", template(), parameters={"lr": value})) == (
        f"steps 'w': step 's': parameter 'lr': it must be float, {text}"
    )


@pytest.mark.parametrize("value", [1, 1.5, "1.5", "1e-3", None])
def test_constants_that_fit(value):
    wf = Workflow("w")
    wf.add(Step("s", template(), parameters={"lr": value}))
    compile_workflow(wf)


def test_default_of_the_wrong_type():
    made = template()
    made.inputs.parameters["epochs"].value = "many"
    assert "input parameter 'epochs': it must be int, not str: 'many'" in problem(Step("s", made))


def test_output_that_cannot_feed_an_input():
    a = Step("a", template())
    text = problem(a, Step("b", template(), parameters={"epochs": a.outputs.parameters["loss"]}))
    assert "parameter 'epochs': it is float, which cannot feed int" in text
    text = problem(a, Step("b", template(), parameters={"lr": a.outputs.parameters["names"]}))
    assert "it is list, which cannot feed float" in text


def test_output_of_a_group_without_a_source():
    steps = Steps("s", steps=[Step("a", template())])
    steps.outputs.parameters["p"] = OutputParameter()
    steps.outputs.artifacts["q"] = OutputArtifact()
    found = problems(steps=steps)
    assert found[0].startswith("steps 's': output parameter 'p': it has no source; set value_from_parameter")
    assert found[1].startswith("steps 's': output artifact 'q': it has no source; set _from")


def test_output_of_a_group_from_a_step_elsewhere():
    outside = Step("outside", template())
    steps = Steps("s", steps=[Step("a", template())])
    steps.outputs.parameters["p"] = OutputParameter(value_from_parameter=outside.outputs.parameters["loss"])
    assert "step 'outside' is not in 's'" in problem(steps=steps)


def test_output_of_a_program_without_a_path():
    made = template()
    made.outputs.parameters["e"] = OutputParameter()
    made.outputs.artifacts["f"] = OutputArtifact()
    found = problems(Step("s", made))
    assert "output parameter 'e' has no value_from_path" in found[0]
    assert "artifact 'f' has no path" in found[1]


@pytest.mark.parametrize("key", ["a\n", "\x1b[0m", "x" * 254, ""])
def test_key_that_is_not_allowed(key):
    assert f"the key {key!r} must consist of" in problem(Step("s", template(), key=key))


def test_names_that_are_not_allowed_are_found_wherever_they_come_from():
    step = Step("s", template())
    step.name = "a_b"
    assert "the step name 'a_b'" in problem(step)


def test_unknown_input_in_a_script():
    made = template()
    made.script = "echo {{inputs.parameters.epoch}}"
    assert "template 't' has no input parameter 'epoch'; did you mean 'epochs'?" in problem(Step("s", made))


def test_container_without_a_command():
    assert "neither a command nor args" in problem(Step("s", ContainerOPTemplate(name="c")))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("data.txt", "'data.txt' is no artifact; use upload_artifact(...)"),
        (3, "3 is no artifact"),
        (S3Artifact(), "the S3Artifact has no key"),
    ],
)
def test_what_is_no_artifact(source, text):
    found = problems(Step("s", template(), artifacts={"data": source}))
    assert any(text in line for line in found)


def test_parameter_given_as_an_artifact():
    a = Step("a", template())
    found = problem(a, Step("b", template(), artifacts={"data": a.outputs.parameters["loss"]}))
    assert "is a parameter, not an artifact" in found


def test_a_secret_without_a_name_is_known_by_its_variable_and_its_value_is_not_told():
    made, other = template(), template()
    made.envs = {"TOKEN": Secret("abc-123")}
    other.envs = {"TOKEN": Secret("abc-123")}
    wf = Workflow("w")
    wf.add(Step("s", made))
    wf.add(Step("t", other))
    graph = compile_workflow(wf)
    names = [template.pod.secret_env for template in graph.templates if isinstance(template, ScriptTemplate)]
    assert sorted(names) == [(("TOKEN", "dflow-given-token", "secret"),), (("TOKEN", "dflow-given-token-2", "secret"),)]
    assert "abc-123" not in repr(graph)


def test_a_secret_without_a_name_is_refused_for_a_cluster():
    made = template()
    made.envs = {"TOKEN": Secret("abc-123")}
    wf = Workflow("w")
    wf.add(Step("s", made))
    with pytest.raises(
        CompileError, match="'TOKEN': give the Secret a name=, that of a secret of the cluster"
    ) as found:
        compile_workflow(wf, on_cluster=True)
    assert "abc-123" not in str(found.value)


def test_a_secret_is_something():
    made = template()
    made.envs = {"TOKEN": Secret()}
    assert "'TOKEN': the Secret has neither a value nor a name" in problem(Step("s", made))


def test_one_secret_has_one_value():
    made, other = template(), template("t")
    made.envs, other.envs = {"A": Secret("abc-1", name="n")}, {"B": Secret("abc-2", name="n")}
    text = problem(Step("s", made), Step("t", other))
    assert "the secret 'n' is given two different values" in text
    assert "abc-" not in text


def test_a_secret_with_a_name_is_known_by_that_alone():
    made = template()
    made.envs = {"TOKEN": Secret("abc-123", name="tokens", key="mine"), "PLAIN": 1}
    wf = Workflow("w")
    wf.add(Step("s", made))
    graph = compile_workflow(wf)
    pod = next(found for found in graph.templates if found.name == "t").pod
    assert pod.secret_env == (("TOKEN", "tokens", "mine"),)
    assert pod.env == (("PLAIN", "1"),)
    assert "abc-123" not in repr(graph)


NAMES = (
    "{{inputs.parameters}} {{=toJson(inputs.parameters)}} {{workflow.uid}} {{workflow.name}} {{workflow.duration}} "
    "{{workflow.creationTimestamp}} {{workflow.creationTimestamp.RFC3339}} {{workflow.creationTimestamp.s}} "
    "{{workflow.creationTimestamp.Y}} {{workflow.mainEntrypoint}} {{workflow.labels.json}} {{workflow.parameters}}"
)


def test_names_that_a_run_knows_may_be_used():
    leaf = ShellOPTemplate("leaf", script=f"cat > /tmp/y <<'END'\n{NAMES}\nEND\n")
    leaf.inputs.parameters["x"] = InputParameter()
    leaf.outputs.parameters["y"] = OutputParameter(value_from_path="/tmp/y")
    inner = Steps("inner")
    inner.inputs.parameters["a"] = InputParameter()
    step = Step("say", leaf, parameters={"x": "{{steps.name}} " + NAMES})
    inner.add(step)
    inner.outputs.parameters["y"] = OutputParameter(value_from_parameter=step.outputs.parameters["y"])
    wf = Workflow("w", labels={"l": "1"})
    wf.add(Step("outer", inner, parameters={"a": "A"}))
    wf.submit()
    wf.raise_for_status()
    (said,) = wf.query_step("say")
    given, printed = said.inputs.parameters["x"].value, said.outputs.parameters["y"].value
    assert given.startswith('outer [{"name":"a","value":"A"}] {"a":"A"} w-')
    assert printed.startswith('[{"name":"x",')
    assert "{{" not in given + printed


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("{{workflow.status}}", "workflow.status is not known"),
        ("{{workflow.creationTimestamp.nothing}}", "there are workflow.duration, and RFC3339, s, Y"),
        ("{{=workflow.duration}}", "the tag {{workflow.duration}} does"),
        ("{{workflow.priority}}", "workflow.priority is not known"),
        ("{{workflow.uuid}}", "did you mean 'uid'?"),
        ("{{inputs.artifacts}}", "name one of the inputs"),
        ("{{tasks.nothing.id}}", "belongs to a DAG"),
    ],
)
def test_names_that_no_run_knows_are_refused(reference, hint):
    assert hint in problem(Step("s", template(), parameters={"lr": reference}))


def test_how_the_workflow_ended_is_known_to_hooks_and_to_what_handles_its_end():
    ended = ShellOPTemplate("ended", script="true")
    ended.inputs.parameters["x"] = InputParameter()
    hook = HookStep(template(), expression="workflow.status == 'Running'")
    wf = Workflow("w", on_exit=ended_steps(ended))
    wf.add(Step("s", template(), running_hook=hook))
    compile_workflow(wf)
    alone = Workflow("w")
    alone.add(Step("s", template(), running_hook=HookStep(template(), expression="workflow.status == 'Running'")))
    compile_workflow(alone)


def ended_steps(leaf: ShellOPTemplate) -> Steps:
    steps = Steps("at-the-end")
    steps.add(Step("told", leaf, parameters={"x": "{{workflow.status}} {{workflow.failures}} {{=workflow.duration}}"}))
    return steps


def test_problem_of_a_template_used_twice_is_said_once():
    made = template()
    made.script = "{{inputs.parameters.nothing}}"
    assert len(problems([Step("a", made), Step("b", made)])) == 1


def test_all_problems_come_at_once_with_a_count():
    wf = Workflow("w")
    wf.add(Step("a", template(), parameters={"lr": "x"}, key=""))
    with pytest.raises(CompileError, match=r"the workflow has 2 problems:\n  - "):
        compile_workflow(wf)


def test_recursive_op_that_cannot_be_pickled_is_one_problem_among_others():
    import threading

    lock = threading.Lock()

    @OP.function
    def f(n: int) -> {"m": int}:
        with lock:
            return {"m": n}

    made = PythonOPTemplate(f)
    found = problems([Step("a", made, parameters={"n": 1}), Step("b", made, parameters={"n": "x"})])
    assert any("the variable 'lock' used in f cannot be pickled" in line for line in found)
    assert any("it must be int" in line for line in found)
    assert len(found) == 2


# -- dependencies of tasks ---------------------------------------------------------------------------------------


def dependencies(*tasks: Task) -> dict[str, tuple[str, ...]]:
    graph = compile_workflow(Workflow("w", dag=DAG("d", tasks=list(tasks))))
    return {task.name: task.dependencies for task in graph.templates[0].tasks}


def test_tasks_wait_for_every_task_that_they_mention():
    a = Task("a", template())
    loss, model = a.outputs.parameters["loss"], a.outputs.artifacts["model"]
    made = dependencies(
        Task("parameter", template(), parameters={"lr": loss}),
        Task("text", template(), parameters={"lr": f"{loss}"}),
        Task("expression", template(), parameters={"lr": loss * 2}),
        Task("artifact", template(), artifacts={"data": model}),
        Task("sub-path", template(), artifacts={"data": model.sub_path("x")}),
        Task("when", template(), when=f"{loss} < 1"),
        Task("condition", template(), when=loss < 1),
        Task("key", template(), key=f"k-{loss}"),
        Task("nothing", template()),
        a,
    )
    assert {name for name, wanted in made.items() if wanted == ("a",)} == set(made) - {"a", "nothing"}


def test_dependencies_are_merged_with_explicit_ones_in_the_order_of_the_tasks():
    a, b, c = (Task(n, template()) for n in "abc")
    d = Task("d", template(), dependencies=["c", a], parameters={"lr": b.outputs.parameters["loss"]})
    e = Task("e", template(), dependencies=[a, "a"], parameters={"lr": a.outputs.parameters["loss"]})
    made = dependencies(a, b, c, d, e)
    assert made["d"] == ("a", "b", "c")
    assert made["e"] == ("a",)


def sliced(**given):
    made = ShellOPTemplate("f", script="echo {{inputs.parameters.n}} > /tmp/r")
    made.inputs.parameters["n"] = InputParameter(type=int)
    made.inputs.artifacts["a"] = InputArtifact(path="/tmp/a", optional=True)
    made.outputs.parameters["r"] = OutputParameter(value_from_path="/tmp/r")
    slices = Slices(**{"slices": "{{item}}", "input_parameter": ["n"], **given})
    return Step("s", made, slices=slices, parameters={"n": [1]}, with_param=[0])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"input_parameter": ["nn"]}, "slices: input_parameter: the template 'f' has no input parameter 'nn'"),
        ({"input_artifact": ["b"]}, "slices: input_artifact: the template 'f' has no input artifact 'b'"),
        ({"output_parameter": ["rr"]}, "the template 'f' has no output parameter 'rr'; did you mean 'r'?"),
        ({"output_artifact": ["x"]}, "slices: output_artifact: the template 'f' has no output artifact 'x'"),
        ({"slices": "n"}, "slices: the index is 'n', which is an input of the template"),
    ],
)
def test_slices_of_what_the_template_does_not_have(given, text):
    assert any(text in line for line in problems(sliced(**given)))


def test_an_index_may_be_a_key_that_is_called_like_an_input():
    step = sliced(slices="n")
    step.parameters["n"] = {"n": 1}
    wf = Workflow("w")
    wf.add(step)
    assert compile_workflow(wf)


@pytest.mark.parametrize("timeout", ["1 hour", "soon", 0, -3, ""])
def test_a_timeout_that_is_none(timeout):
    words = f"timeout is {timeout!r}; it must be a positive number of seconds"
    made = template()
    made.timeout = timeout
    assert any(words in line for line in problems(Step("s", made)))
    assert any(words in line for line in problems(Step("s", template(), timeout=timeout)))


@pytest.mark.parametrize("timeout", ["1h30m", 5, "2.5", "{{workflow.parameters.t}}", InputParameter(name="t")])
def test_a_timeout_that_may_be_one(timeout):
    made = template()
    made.inputs.parameters["t"] = InputParameter(type=int, value=3)
    made.timeout = timeout
    wf = Workflow("w", parameters={"t": 3})
    wf.add(Step("s", made))
    assert not [p for p in _problems_of(wf) if "timeout is" in p]


def _problems_of(wf):
    try:
        compile_workflow(wf)
    except CompileError as exc:
        return exc.problems
    return ()
