"""Executors and contexts: who changes how the script of a step is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from dflow import (
    ContainerExecutor,
    Context,
    Executor,
    InputArtifact,
    InputParameter,
    OutputArtifact,
    OutputParameter,
    PythonScriptOPTemplate,
    ShellOPTemplate,
    Step,
    Steps,
    Workflow,
    upload_artifact,
)
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import CompileError
from dflow.engine.model import ExecutorSpec
from dflow.executor import DirectExecutor
from dflow.python import OP, OPIO, Artifact, BigParameter, OPIOSign, PythonOPTemplate, Slices, TransientError
from dflow.slurm import SlurmExecutor

NUMBER = {"n": int}


class Marking(Executor):
    """Runs another command before the script."""

    def __init__(self, mark="marked"):
        self.mark = mark

    def render(self, template):
        template.script = f"echo {self.mark}\n{template.script}"
        return template


class ByShell(Executor):
    """Runs any script by a shell script that starts its command, as executors for other machines do."""

    def render(self, template):
        made = ShellOPTemplate(
            name=f"{template.name}-by-shell",
            inputs=template.inputs,
            outputs=template.outputs,
            image=template.image,
            command=["sh"],
            script="cat <<'DFLOW_END' > script\n"
            f"{template.script}\nDFLOW_END\necho started by a shell\n{' '.join(template.command)} script\n",
        )
        made.retry_strategy = template.retry_strategy
        return made


class FirstVersion:
    """As the guide of version 1.0 has them."""

    image = "other:1"
    command = ("bash",)

    def get_script(self, command, script):
        return f"echo by $BASH_VERSION | head -c 4\n{script}"


def shell(script="cat /tmp/in.txt > /tmp/out.txt; echo {{inputs.parameters.n}} > /tmp/n"):
    template = ShellOPTemplate("say", image="alpine", script=script)
    template.inputs.parameters["n"] = InputParameter(value=1)
    template.inputs.artifacts["in"] = InputArtifact(path="/tmp/in.txt")
    template.outputs.parameters["n"] = OutputParameter(value_from_path="/tmp/n", type=int)
    template.outputs.artifacts["out"] = OutputArtifact(path="/tmp/out.txt")
    return template


@pytest.fixture
def data(tmp_path):
    (tmp_path / "in.txt").write_text("data")
    return upload_artifact("in.txt")


def run(*steps, **arguments):
    wf = Workflow("run", **arguments)
    for step in steps:
        wf.add(step)
    wf.submit()
    assert wf.query_status() == "Succeeded", [(s.name, s.message) for s in wf.query_step()]
    return wf


def log(wf, key):
    return Path(wf.query_step(key=key)[0].path, "log.txt").read_text()


def test_a_script_is_run_as_the_executor_says(data):
    template = shell()
    plain = Step("plain", template, artifacts={"in": data}, key="plain")
    marked = Step("marked", template, artifacts={"in": data}, key="marked", executor=Marking())
    wf = run(plain, marked)
    assert log(wf, "plain") == ""
    assert log(wf, "marked") == "marked\n"
    assert wf.query_step(key="marked")[0].outputs.parameters["n"].value == 1
    assert "marked" not in template.script, "the user's template stays as it was"


class Telling(Executor):
    """Writes down by what the script is run, and puts words before that."""

    def __init__(self, *before):
        self.seen, self.before = [], before

    def render(self, template):
        self.seen.append(list(template.command))
        template.command = [*self.before, *template.command]
        return template


def test_an_executor_is_shown_what_runs_the_script_where_the_template_does_not_say_it():
    told = Telling("env", "MARK=set")
    script = PythonScriptOPTemplate("script", script="import os; print(os.environ['MARK'])")
    wf = run(
        Step("sh", ShellOPTemplate("sh", script="echo $MARK"), executor=told, key="sh"),
        Step("script", script, executor=told, key="script"),
    )
    assert told.seen == [["sh"], ["python3"]]
    assert (log(wf, "sh"), log(wf, "script")) == ("set\n", "set\n")
    assert script.command is None, "the user's template stays as it was"


def test_a_python_script_that_an_executor_leaves_as_it_was_is_run_by_this_interpreter():
    script = PythonScriptOPTemplate("script", script="import sys; print(sys.executable)")
    wf = run(Step("script", script, executor=Telling(), key="script"))
    assert log(wf, "script") == f"{sys.executable}\n"


class Doubling(OP):
    """Has an input and an output of each kind."""

    @classmethod
    def get_input_sign(cls):
        return OPIOSign(
            {"n": int, "words": BigParameter(list), "text": Artifact(Path), "none": Artifact(Path, optional=True)}
        )

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int, "words": BigParameter(list), "texts": Artifact(list[Path])})

    @OP.exec_sign_check
    def execute(self, op_in):
        Path("a.txt").write_text(op_in["text"].read_text() * 2)
        Path("b.txt").write_text(str(op_in["none"]))
        return OPIO({"n": op_in["n"] * 2, "words": op_in["words"] * 2, "texts": [Path("a.txt"), Path("b.txt")]})


@pytest.mark.parametrize("executor", [ByShell(), None])
def test_a_python_op_is_a_script_to_an_executor(data, executor):
    template = PythonOPTemplate(Doubling, image="python:3.11")
    step = Step(
        "double",
        template,
        parameters={"n": 3, "words": ["{{x}}", "é"]},
        artifacts={"text": data},
        key="double",
        executor=executor,
    )
    wf = run(step)
    found = wf.query_step(key="double")[0].outputs
    assert found.parameters["n"].value == 6
    assert found.parameters["words"].value == ["{{x}}", "é"] * 2
    files = sorted(Path(found.artifacts["texts"].local_path).rglob("*.txt"))
    assert [file.read_text() for file in files] == ["datadata", "None"]
    assert ("started by a shell" in log(wf, "double")) == (executor is not None)


def test_what_a_rendered_op_raises_is_told_and_tried_again(tmp_path):
    @OP.function
    def flaky(n: int) -> NUMBER:
        if not Path(counter).exists():
            Path(counter).write_text("1")
            raise TransientError("not yet")
        return {"n": n}

    counter = str(tmp_path / "counter")
    template = PythonOPTemplate(flaky, image="i", retry_on_transient_error=2)
    wf = run(Step("flaky", template, parameters={"n": 4}, key="flaky", executor=ByShell()))
    step = wf.query_step(key="flaky")[0]
    assert (step.outputs.parameters["n"].value, step.retries) == (4, 1)


def test_sliced_steps_are_rendered_too(tmp_path):
    @OP.function
    def square(n: int) -> NUMBER:
        return {"n": n * n}

    template = PythonOPTemplate(
        square, image="i", slices=Slices("{{item}}", input_parameter=["n"], output_parameter=["n"])
    )
    wf = run(
        Step(
            "squares", template, parameters={"n": [1, 2, 3]}, with_param=[0, 1, 2], executor=ByShell(), key="q-{{item}}"
        )
    )
    assert [wf.query_step(key=f"q-{i}")[0].outputs.parameters["n"].value for i in range(3)] == [1, 4, 9]


def test_a_context_is_for_all_steps_and_before_their_executors(data):
    class Around(Context):
        def render(self, template):
            template.script = f"echo context\n{template.script}"
            return template

    one = Step("one", shell(), artifacts={"in": data}, key="one")
    two = Step("two", shell(), artifacts={"in": data}, key="two", executor=Marking("executor"))
    wf = run(one, two, context=Around())
    assert log(wf, "one") == "context\n"
    assert log(wf, "two") == "executor\ncontext\n"


def test_an_executor_of_the_first_version_works(data):
    wf = run(Step("one", shell(), artifacts={"in": data}, key="one", executor=FirstVersion()))
    assert log(wf, "one") == "by 5"[:4] or log(wf, "one").startswith("by")
    graph = compile_workflow(_with(FirstVersion(), data))
    assert {t.pod.image for t in graph.templates if hasattr(t, "pod")} == {"other:1"}


def _with(executor, data):
    wf = Workflow("wf")
    wf.add(Step("one", shell(), artifacts={"in": data}, executor=executor))
    return wf


def test_an_export_has_what_the_executor_made(data):
    text = _with(Marking("in the manifest"), data).to_yaml()
    assert "echo in the manifest" in text


def test_an_executor_of_the_engine_is_named_in_the_graph(data):
    graph = compile_workflow(_with(SlurmExecutor(header="#!/bin/sh\n#SBATCH -p x\n", cpus=2, interval=5), data))
    (call,) = [call for t in graph.templates for group in getattr(t, "groups", ()) for call in group]
    assert call.executor == ExecutorSpec(
        "slurm", '{"interval": 5.0, "resources": {"cpus": 2, "extra": ["#SBATCH -p x"]}}'
    )
    assert compile_workflow(decompile(graph)) == graph


@pytest.mark.parametrize(
    ("executor", "text"),
    [
        (object(), "is no executor: it has no method render"),
        (ContainerExecutor(docker="docker", podman="podman"), "takes one of podman, docker, apptainer, singularity"),
    ],
)
def test_what_is_no_executor_is_said(data, executor, text):
    with pytest.raises(CompileError, match=text):
        compile_workflow(_with(executor, data))


def test_what_a_renderer_may_not_do_is_said(data):
    class Bad(Executor):
        def render(self, template):
            return None

    class Forgetful(Executor):
        def render(self, template):
            del template.outputs.parameters.data["n"]
            return template

    with pytest.raises(CompileError, match=r"Bad.render returned None, which is no template"):
        compile_workflow(_with(Bad(), data))
    with pytest.raises(CompileError, match=r"Forgetful.render returned lacks the output parameters 'n'"):
        compile_workflow(_with(Forgetful(), data))
    inner = Steps("inner", steps=[Step("x", ShellOPTemplate("y", image="i", script="true"))])
    wf = Workflow("wf")
    wf.add(Step("outer", inner, executor=Marking()))
    with pytest.raises(CompileError, match="give it to the steps inside"):
        compile_workflow(wf)


@pytest.mark.parametrize(
    ("executor", "text"),
    [
        (DirectExecutor("moon"), "there is no executor 'moon'"),
        (
            DirectExecutor("container", {"engine": "podman", "colour": 1}),
            "the settings of the executor 'container' are wrong",
        ),
        (DirectExecutor("container", {"engine": "lxc"}), "engine is 'lxc'"),
    ],
)
def test_an_executor_that_cannot_be_made_fails_its_step(data, executor, text):
    wf = Workflow("run")
    wf.add(Step("one", shell(), artifacts={"in": data}, executor=executor, key="one"))
    wf.submit()
    step = wf.query_step(key="one")[0]
    assert step.phase == "Error"
    assert text in step.message
