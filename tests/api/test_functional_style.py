"""Workflows built by ``with`` blocks and by calling function OPs."""

# ruff: noqa: F821, UP037 - names of outputs, not annotations

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

import cloudpickle
import pytest
from dflow import (
    DAG,
    InputParameter,
    Inputs,
    OutputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    building,
    config,
    if_expression,
    upload_artifact,
)
from dflow.engine.errors import CompileError
from dflow.python import OP, Artifact, PythonOPTemplate, Slices
from dflow.step import HookStep


class Pair(NamedTuple):
    low: int
    high: int


@OP.function
def add(x: int, y: int = 1) -> {"sum": int}:
    return {"sum": x + y}


@OP.function
def inc(x: int) -> int:
    return x + 1


@OP.function
def total(values: list) -> int:
    return sum(int(value) for value in values)


@OP.function
def glue(texts: list) -> str:
    return "".join(texts)


@OP.function
def bounds(x: int) -> Pair:
    return Pair(x - 1, x + 1)


@OP.function
def silent(x: int) -> None:
    Path("said").write_text(str(x))


@OP.function
def write(text: str) -> {"file": Artifact(Path)}:
    Path("text").write_text(text)
    return {"file": Path("text")}


@OP.function
def read(file: Artifact(Path), end: str = "") -> str:
    return file.read_text() + end


@OP.function
def fail() -> int:
    raise ValueError("no")


@OP.superfunction
def twice(x: int) -> {"y": int}:
    first = add(x)
    return {"y": add(x=first["sum"])["sum"]}


@OP.superfunction
def count_up(n: int, end: int) -> int:
    """Calls itself until the end."""
    more = inc(n)
    again = count_up.use(when=more < end)(more, end)
    return if_expression(more < end, again, more)


def true_template() -> ShellOPTemplate:
    return ShellOPTemplate("t", script="true", inputs=Inputs(parameters={"x": InputParameter(value=1)}))


def value(wf: Workflow, step: str, output: str = "dflow_output") -> object:
    (found,) = (s for s in wf.query_step() if s.displayName == step)
    return found.outputs.parameters[output].value


def runs() -> list[str]:
    return sorted(path.parent.name for path in Path.cwd().glob("*/status"))


# -- workflows -----------------------------------------------------------------------------------------------------


def test_calls_in_a_workflow_are_tasks_and_it_is_submitted_at_the_end():
    with Workflow("w") as wf:
        first = add(1)
        second = add(x=first["sum"], y=first["sum"])
        assert wf.id is None
    assert str(second["sum"]) == "{{tasks.add-2.outputs.parameters.sum}}"
    assert isinstance(wf.entrypoint, DAG)
    assert wf.query_status() == "Succeeded"
    assert value(wf, "add", "sum") == 2
    assert value(wf, "add-2", "sum") == 4


def test_python_loop_makes_tasks_that_are_numbered_in_order():
    with DAG() as dag:
        results = [inc(i) for i in range(3)]
        inc.use(name="inc-5")(1)
        inc(1)
        inc(1)
    assert [task.name for task in dag.tasks] == ["inc", "inc-2", "inc-3", "inc-5", "inc-4", "inc-6"]
    assert [str(result) for result in results][1] == "{{tasks.inc-2.outputs.parameters.dflow_output}}"


def test_exception_in_the_block_is_raised_and_nothing_is_submitted():
    wf = Workflow("w")
    with pytest.raises(ZeroDivisionError), wf:
        inc(1 // 0)
    assert wf.id is None
    assert runs() == []
    assert inc(1) == {"dflow_output": 2}


def test_failed_workflow_is_reported_as_by_submit():
    with Workflow("w") as wf:
        fail()
    assert wf.query_status() == "Failed"


def test_workflow_without_steps_is_a_compile_error():
    with pytest.raises(CompileError, match="it has no steps"), Workflow("w"):
        pass


def test_block_that_submits_is_not_submitted_again():
    with Workflow("w") as wf:
        inc(1)
        wf.submit()
        with pytest.raises(RuntimeError, match="submitted already"):
            inc(1)
    assert runs() == [wf.id]


def test_background_submit_follows_the_settings():
    config["detach"] = True
    with Workflow("w") as wf:
        inc(1)
    assert wf.wait(interval=0.05) == "Succeeded"


def test_steps_and_tasks_that_are_made_in_the_block_are_added():
    with Workflow("w") as steps:
        Step("a", true_template())
        Step("b", true_template())
    with Workflow("w") as dag:
        a = Task("a", true_template())
        Task("b", true_template(), dependencies=[a])
    assert isinstance(steps.entrypoint, Steps)
    assert isinstance(dag.entrypoint, DAG)
    assert [wf.query_status() for wf in (steps, dag)] == ["Succeeded", "Succeeded"]


@pytest.mark.parametrize("given", [{"steps": Steps("s")}, {"dag": DAG("d")}])
def test_given_entry_template_takes_the_calls(given):
    with Workflow("w", **given) as wf:
        inc(inc(1))
    assert wf.entrypoint in given.values()
    assert value(wf, "inc-2") == 3


def test_workflow_in_a_workflow_is_one_of_its_own():
    with Workflow("outer") as outer:
        inc(1)
        with Workflow("inner") as inner:
            inc(5)
        assert inner.query_status() == "Succeeded"
        inc(2)
    assert [task.name for task in outer.entrypoint.tasks] == ["inc", "inc-2"]
    assert [task.name for task in inner.entrypoint.tasks] == ["inc"]


def test_another_thread_has_nothing_open():
    seen = []
    with DAG() as dag:
        thread = threading.Thread(target=lambda: seen.append(inc(1)))
        thread.start()
        thread.join()
    assert seen == [{"dflow_output": 2}]
    assert dag.tasks == []


# -- templates -----------------------------------------------------------------------------------------------------


def test_calls_in_steps_are_steps_one_after_another():
    with Steps("s") as steps:
        result = inc(inc(1))
    assert str(result) == "{{steps.inc-2.outputs.parameters.dflow_output}}"
    assert [type(step) for step in steps.steps] == [Step, Step]
    wf = Workflow("w", steps=steps).submit()
    assert value(wf, "inc-2") == 3


def test_nested_templates_take_their_own_calls():
    with Workflow("w") as wf:
        with DAG("inner", inputs=Inputs(parameters={"n": InputParameter()})) as dag:
            dag.outputs.parameters["y"] = OutputParameter(value_from_parameter=inc(dag.inputs.parameters["n"]))
        with Steps("line") as steps:
            inc(7)
        one = Task("one", dag, parameters={"n": inc(1)})
        Task("two", steps, dependencies=[one])
        add.use(name="last")(one.outputs.parameters["y"])
    assert [task.name for task in wf.entrypoint.tasks] == ["inc", "one", "two", "last"]
    assert wf.query_status() == "Succeeded"
    assert value(wf, "last", "sum") == 4


def test_block_can_be_opened_again():
    dag = DAG("d")
    with dag:
        inc(1)
    with dag:
        inc(1)
    assert [task.name for task in dag.tasks] == ["inc", "inc-2"]


def test_step_that_the_script_adds_itself_is_there_once_and_where_it_was_put():
    with Steps("s") as steps:
        alone = Step("alone", true_template())
        steps.add(alone)
        group = [Step("a", true_template()), Step("b", true_template())]
        steps.add(group)
        Step("last", true_template())
    assert steps.steps[:2] == [alone, group]
    assert [str(item) for item in steps.steps] == ["alone", "[a, b]", "last"]


def test_class_that_builds_its_own_steps_can_be_used_in_a_block():
    class Line(Steps):
        def __init__(self) -> None:
            super().__init__("line")
            self.add(Step("a", true_template()))

    with Workflow("w") as wf:
        line = Line()
        assert wf.entrypoint is None
        inc(1)
        Task("line", line)
        Task("again", Line())
    assert [task.name for task in wf.entrypoint.tasks] == ["inc", "line", "again"]
    assert wf.query_status() == "Succeeded"


def test_workflow_add_in_its_own_block_adds_once():
    with Workflow("w") as wf:
        wf.add(Step("a", true_template()))
    assert [str(step) for step in wf.entrypoint.steps] == ["a"]


def test_step_without_a_place_is_named():
    with pytest.raises(TypeError, match=r"step 'a' .* make it a Task"), DAG("d"):
        Step("a", true_template())
    with pytest.raises(TypeError, match="step 'a'"), Workflow("w", dag=DAG("d")):
        Step("a", true_template())
    assert runs() == []


def test_hooks_are_no_steps_of_the_block():
    with DAG("d") as dag:
        Task("a", true_template(), success_hook=HookStep(true_template()))
    assert [task.name for task in dag.tasks] == ["a"]


def test_what_is_not_closed_by_an_exception_does_not_stay_open():
    with pytest.raises(ZeroDivisionError), DAG("d"), Steps("s"):
        _ = 1 / 0
    assert building.innermost() is None


# -- function OPs --------------------------------------------------------------------------------------------------


def test_call_outside_of_a_block_runs_the_function():
    assert add(1) == {"sum": 2}
    assert add.use(image="x", key="k")(1, y=2) == {"sum": 3}
    assert bounds(3) == {"low": 2, "high": 4}
    assert silent(1) == {}


def test_call_gives_what_the_annotation_promises():
    with Workflow("w") as wf:
        low, high = bounds(3)
        named = bounds(5)
        assert isinstance(named, Pair)
        assert silent(high) is None
        add.use(name="sum")(low, named.high)
    assert value(wf, "sum", "sum") == 8


def test_artifacts_go_from_call_to_call():
    Path("local").write_text("local")
    with Workflow("w") as wf:
        written = write("made")
        read(written["file"], end="!")
        read.use(name="uploaded")(file=upload_artifact("local"))
    assert value(wf, "read") == "made!"
    assert value(wf, "uploaded") == "local"


def test_wrong_argument_is_a_type_error_and_a_missing_one_a_compile_error():
    with DAG("d") as dag:
        with pytest.raises(TypeError, match="add: got an unexpected keyword argument 'z'"):
            add(1, z=3)
        add()
    with pytest.raises(CompileError, match=r"task 'add'.*'x'"):
        Workflow("w", dag=dag).submit()


def test_decorator_arguments_are_those_of_the_template():
    @OP.function(image="python:3.12", retry_on_transient_error=2)
    def f(x: int) -> int:
        return x

    with DAG("d") as dag:
        f(1)
        f.use(image="other", timeout=5)(2)
    first, second = dag.tasks
    assert (first.template.image, first.template.retry_on_transient_error) == ("python:3.12", 2)
    assert (second.template.image, second.template.retry_on_transient_error, second.timeout) == ("other", 2, 5)


def test_use_leaves_the_op_as_it_is_and_can_be_repeated():
    keyed = inc.use(key="k")
    both = keyed.use(when="1 == 1")
    assert (inc.task_kwargs, keyed.task_kwargs) == ({}, {"key": "k"})
    assert both.task_kwargs == {"key": "k", "when": "1 == 1"}
    assert isinstance(both, OP)
    assert PythonOPTemplate(both).inputs.parameters.data.keys() == {"x"}


def test_use_refuses_what_nobody_has():
    with pytest.raises(TypeError, match=r"inc.use has no argument 'imag'; did you mean 'image'\?"):
        inc.use(imag="x")
    with pytest.raises(TypeError, match="has no argument 'parameters'"):
        inc.use(parameters={})
    with pytest.raises(TypeError, match=r"twice\.use has no argument 'image'"):
        twice.use(image="x")


def test_dependencies_may_be_results_tasks_or_names():
    with Workflow("w") as wf:
        task = Task("t", true_template())
        one, several, pair = inc(1), add(1), bounds(1)
        silent(1)
        inc.use(name="last", dependencies=[task, one, several, pair, "silent"])(1)
    assert [str(d) for d in wf.entrypoint.tasks[-1].dependencies] == ["t", "inc", "add", "bounds", "silent"]
    assert wf.query_status() == "Succeeded"


def test_key_and_condition():
    with Workflow("w") as wf:
        n = inc.use(key="first")(1)
        inc.use(key="small", when=n < 2)(n)
        inc.use(key="large", when=n >= 2)(n)
    assert wf.query_keys_of_steps() == ["first", "large"]
    assert [step.phase for step in wf.query_step()] == ["Succeeded", "Skipped", "Succeeded"]


def test_use_in_another_process():
    op = cloudpickle.loads(cloudpickle.dumps(inc.use(key="k")))
    assert op(1) == {"dflow_output": 2}


# -- loops ---------------------------------------------------------------------------------------------------------


def test_loop_over_items_and_over_results():
    with Workflow("w") as wf:
        many = add.use(with_param=argo_range(3), key="k-{{item}}")("{{item}}", 10)
        again = inc.use(with_param=many["sum"])("{{item}}")
        total(again)
    assert wf.query_status() == "Succeeded"
    assert sorted(wf.query_keys_of_steps()) == ["k-0", "k-1", "k-2"]
    assert value(wf, "total") == 11 + 12 + 13


def test_slices_of_the_decorator_and_of_use():
    @OP.function(slices=Slices(input_parameter=["x"], output_parameter=["y"]))
    def double(x: int) -> {"y": int}:
        return {"y": 2 * x}

    with Workflow("w") as wf:
        doubled = double([1, 2, 3])
        added = add.use(slices=Slices(input_parameter=["x"], output_parameter=["sum"]))(doubled["y"], 100)
        total(added["sum"])
    assert value(wf, "total") == 312


def test_sliced_artifacts():
    with Workflow("w") as wf:
        many = Slices(input_parameter=["text"], output_artifact=["file"], create_dir=True)
        files = write.use(slices=many)(["a", "b"])
        glue(read.use(slices=Slices(input_artifact=["file"], output_parameter=["dflow_output"]))(files["file"]))
    assert value(wf, "glue") == "ab"


# -- superfunctions ------------------------------------------------------------------------------------------------


def test_superfunction_is_a_dag_that_runs_as_a_task():
    with Workflow("w") as wf:
        result = twice(1)
        inc(result["y"])
        twice.use(key="keyed", name="named")(5)
    assert isinstance(twice, DAG)
    assert [task.name for task in wf.entrypoint.tasks] == ["twice", "inc", "named"]
    assert value(wf, "inc") == 4
    assert wf.query_step(key="keyed")[0].outputs.parameters["y"].value == 7


def test_superfunction_may_call_itself():
    with Workflow("w") as wf:
        inc.use(name="last")(count_up(0, 3))
    assert wf.query_status() == "Succeeded"
    assert value(wf, "last") == 4


def test_superfunction_with_artifacts_defaults_and_loops():
    @OP.superfunction(parallelism=1)
    def shout(text: str, end: str = "!") -> {"said": str, "file": Artifact(Path)}:
        file = write(text)["file"]
        return {"said": read(file, end), "file": file}

    with Workflow("w") as wf:
        said = shout("a")
        read.use(name="last")(said["file"], said["said"])
        many = shout.use(with_param=["b", "c"], name="many").use(key="m-{{item}}")("{{item}}", end="?")
        glue(many["said"])
    assert shout.parallelism == 1
    assert value(wf, "last") == "aa!"
    assert value(wf, "glue") == "b?c?"


def test_superfunction_is_an_entry_template_and_a_template_of_steps():
    @OP.superfunction
    def constant(x: int = 4) -> {"a": int, "b": int}:
        return {"a": inc(x), "b": 7}

    wf = Workflow("w", dag=constant).submit()
    assert value(wf, "inc") == 5
    wf = Workflow("w")
    wf.add(Step("s", constant, parameters={"x": 1}))
    wf.submit()
    assert (value(wf, "s", "a"), value(wf, "s", "b")) == (2, 7)


def test_superfunction_outside_of_a_block_says_where_to_call_it():
    with pytest.raises(RuntimeError, match="with Workflow"):
        twice(1)


def test_superfunction_that_returns_other_names_than_it_declares():
    @OP.superfunction
    def wrong(x: int) -> {"a": int, "b": int}:
        return {"a": inc(x)}

    with pytest.raises(TypeError, match=r"wrong: it returns \['a'\], and declares \['a', 'b'\]"), Workflow("w"):
        wrong(1)
    assert runs() == []


def test_error_in_a_superfunction_is_raised_where_it_is_called():
    @OP.superfunction
    def broken(x: int) -> int:
        return inc(x).nothing

    with pytest.raises(AttributeError), Workflow("w"):
        broken(1)
    with pytest.raises(AttributeError):
        _ = broken.tasks
    assert building.innermost() is None
