"""Executors that the engine knows, in workflows for a cluster: what they render is used there, if anything."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from dflow import (
    ContainerExecutor,
    Context,
    Executor,
    InputArtifact,
    InputParameter,
    ShellOPTemplate,
    Step,
    Steps,
    Task,
    Workflow,
    argo_range,
    config,
    upload_artifact,
)
from dflow.compile import compile_workflow
from dflow.dag import DAG
from dflow.engine.errors import CompileError, ExportError
from dflow.engine.model import PythonOpTemplate
from dflow.exporters.argo.lint import Severity, lint
from dflow.manifests import export_workflow, from_text, text_of
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices
from dflow.slurm import SlurmExecutor


class Remote(Executor):
    """The engine knows it, and on a cluster a script does what the engine would do."""

    def __init__(self, word="remote"):
        self.word = word
        self.shown = []

    def render(self, template):
        self.shown.append(template)
        return ShellOPTemplate(
            name=f"{template.name}-{self.word}",
            inputs=template.inputs,
            outputs=template.outputs,
            image="helper:1",
            script=f"echo {self.word}; {template.script}",
        )

    def direct(self):
        return "slurm", {"resources": {}, "interval": 1.0}


class InPlace(Remote):
    """Changes the template that it gets instead of making another one."""

    def render(self, template):
        template.envs["WHERE"] = self.word
        return template


class Scale(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": int})

    def execute(self, op_in):
        return OPIO({"y": 2 * op_in["x"]})


def shell(**more):
    return ShellOPTemplate("greet", image="alpine:3", script="echo hello", **more)


def workflow(*steps):
    wf = Workflow("wf")
    for step in steps:
        wf.add(step)
    return wf


def templates_of(manifest):
    return {template["name"]: template for template in manifest["spec"]["templates"]}


def called(manifest, step):
    """The template in a manifest that a step calls."""
    found = templates_of(manifest)
    (name,) = [
        call["template"]
        for template in found.values()
        for call in [c for group in template.get("steps", []) for c in group] + template.get("dag", {}).get("tasks", [])
        if call["name"] == step
    ]
    return found[name]


@pytest.fixture
def notes(caplog):
    """Exports a workflow; what is said of it."""

    def export(wf):
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="dflow"):
            manifest = wf.to_dict()
        return manifest, [record.getMessage() for record in caplog.records]

    return export


def test_a_manifest_has_what_an_executor_of_the_engine_renders(notes):
    manifest, said = notes(workflow(Step("far", shell(), executor=Remote()), Step("near", shell())))
    assert called(manifest, "far")["script"]["source"] == "echo remote; echo hello"
    assert called(manifest, "far")["script"]["image"] == "helper:1"
    assert called(manifest, "near")["script"]["source"] == "echo hello"
    assert said == []


def test_a_run_here_uses_the_executor_itself_and_renders_nothing():
    executor = Remote()
    wf = workflow(Step("far", shell(), executor=executor))
    graph = compile_workflow(wf)
    assert executor.shown == []
    assert [t.script for t in graph.templates if hasattr(t, "script")] == ["echo hello"]
    (call,) = [call for t in graph.templates for group in getattr(t, "groups", ()) for call in group]
    assert call.executor.kind == "slurm"
    plain = workflow(Step("far", shell()))
    assert graph.templates[0] == compile_workflow(plain).templates[0]  # nothing that steps are reused by has changed


def test_each_pair_of_a_template_and_an_executor_is_rendered_once(notes):
    one, other, template = Remote("one"), Remote("other"), shell()
    wf = workflow(
        Step("a", template, executor=one), Step("b", template, executor=one), Step("c", template, executor=other)
    )
    manifest, _ = notes(wf)
    assert (len(one.shown), len(other.shown)) == (1, 1)
    assert called(manifest, "a") is called(manifest, "b")
    assert called(manifest, "c")["script"]["source"].startswith("echo other")


def test_a_python_op_is_a_script_to_it_and_the_manifest_is_the_same_each_time(notes):
    def make():
        template = PythonOPTemplate(Scale, image="python:3.11")
        return workflow(Step("far", template, parameters={"x": 3}, executor=Remote()))

    manifest, said = notes(make())
    source = called(manifest, "far")["script"]["source"]
    assert source.startswith("echo remote; ")
    assert "Scale" in source
    assert said == []
    first, second = make().to_yaml(), make().to_yaml()
    assert first == second


def test_a_template_that_is_changed_in_place_is_a_rendering(notes):
    template = shell()
    manifest, said = notes(workflow(Step("far", template, executor=InPlace())))
    assert template.envs == {}
    assert called(manifest, "far")["script"]["env"] == [{"name": "WHERE", "value": "remote"}]
    assert said == []


@pytest.mark.parametrize("template", [shell, lambda: PythonOPTemplate(Scale, image="python:3.11")])
def test_an_executor_without_words_for_a_cluster_leaves_the_template_alone_and_is_noted(notes, template):
    given = {"parameters": {"x": 1}} if template is not shell else {}
    wf = workflow(
        Step("far", template(), executor=SlurmExecutor(cpus=2), **given),
        Step("too", template(), executor=SlurmExecutor(cpus=2), **given),
    )
    manifest, said = notes(wf)
    plain, _ = notes(workflow(Step("far", template(), **given), Step("too", template(), **given)))
    assert manifest == plain
    (line,) = said
    assert "'slurm'" in line
    assert "'far' in 'wf', 'too' in 'wf'" in line
    graph = compile_workflow(wf, on_cluster=True)
    if template is not shell:
        assert any(isinstance(t, PythonOpTemplate) for t in graph.templates)


def test_a_step_in_a_container_goes_without_saying(notes):
    manifest, said = notes(workflow(Step("a", shell(), executor=ContainerExecutor(podman="podman"))))
    assert called(manifest, "a")["script"]["image"] == "alpine:3"
    assert said == []


def test_a_context_comes_first_and_once_for_all_executors(notes):
    class Everywhere(Context):
        def __init__(self):
            self.times = 0

        def render(self, template):
            self.times += 1
            template.script = f"echo context; {template.script}"
            return template

    context, template = Everywhere(), shell()
    wf = workflow(
        Step("far", template, executor=Remote()),
        Step("job", template, executor=SlurmExecutor()),
        Step("near", template),
    )
    wf.context = context
    manifest, said = notes(wf)
    assert called(manifest, "far")["script"]["source"] == "echo remote; echo context; echo hello"
    assert called(manifest, "job")["script"]["source"] == "echo context; echo hello"
    assert called(manifest, "near")["script"]["source"] == "echo context; echo hello"
    assert context.times == 1
    assert len(said) == 1


def test_tasks_loops_and_slices_take_what_is_rendered(notes):
    looped = shell(inputs=None)
    looped.inputs.parameters["n"] = InputParameter()
    dag = DAG("inner", tasks=[Task("t", shell(), executor=Remote())])
    sliced = PythonOPTemplate(Scale, image="python:3.11", slices=Slices("{{item}}", input_parameter=["x"]))
    wf = workflow(
        Step("loop", looped, parameters={"n": "{{item}}"}, with_param=[1, 2], executor=Remote()),
        Step("slices", sliced, parameters={"x": [1, 2]}, with_param=[0, 1], executor=Remote()),
        Step("dag", dag),
    )
    manifest, said = notes(wf)
    assert said == []
    assert called(manifest, "t")["script"]["source"] == "echo remote; echo hello"
    assert called(manifest, "loop")["script"]["image"] == "helper:1"
    sources = [t["script"]["source"] for t in manifest["spec"]["templates"] if "script" in t]
    assert len([text for text in sources if text.startswith("echo remote; ") and "Scale" in text]) == 1


def ops():
    """OPs of no module, so a pod needs nothing of this one."""

    class Halve(OP):
        """Takes an element of an artifact, and leaves one."""

        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"x": int, "file": Artifact(Path)})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"y": int, "made": Artifact(Path), "log": Artifact(Path)})

        def execute(self, op_in):
            made = Path(f"made-{op_in['x']}.txt")
            made.write_text(op_in["file"].read_text()[: op_in["x"]])
            Path("log.txt").write_text("log")
            return OPIO({"y": op_in["x"] // 2, "made": made, "log": Path("log.txt")})

    class Join(OP):
        @classmethod
        def get_input_sign(cls):
            return OPIOSign({"files": Artifact(list[Path]), "ys": list})

        @classmethod
        def get_output_sign(cls):
            return OPIOSign({"text": str})

        def execute(self, op_in):
            return OPIO({"text": " ".join(file.read_text() for file in op_in["files"]) + f" {op_in['ys']}"})

    return Halve, Join


class InAShell(Executor):
    """Runs any script by a shell script that starts its command."""

    def render(self, template):
        made = ShellOPTemplate(
            name=f"{template.name}-by-shell",
            inputs=template.inputs,
            outputs=template.outputs,
            image=template.image,
            command=["sh"],
            script=f"cat <<'DFLOW_END' > script\n{template.script}\nDFLOW_END\n{' '.join(template.command)} script\n",
        )
        made.retry_strategy = template.retry_strategy
        return made


class InAShellOfTheEngine(InAShell):
    def direct(self):
        return "shell", {}


@pytest.mark.parametrize("executor", [None, InAShell(), InAShellOfTheEngine()])
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("size", [None, 2])
def test_slices_go_through_an_executor_and_end_as_without_it(tmp_path, monkeypatch, executor, dynamic, size):
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / f"{number}.txt" for number in range(3)]
    for number, file in enumerate(files):
        file.write_text(str(number) * 9)
    slices = Slices(
        "{{item}}",
        input_parameter=["x"],
        input_artifact=["file"],
        output_parameter=["y"],
        output_artifact=["made", "log"],
        create_dir=dynamic,
        group_size=size,
    )
    halving, joining = ops()
    template = PythonOPTemplate(halving, image="python:3.11", command=[sys.executable], slices=slices)
    halve = Step(
        "halve",
        template,
        parameters={"x": [2, 4, 6]},
        artifacts={"file": upload_artifact(files)},
        with_param=argo_range(3),
        key="halve-{{item}}",
        executor=executor,
    )
    if not dynamic:
        template.slices.output_artifact.remove("log")
    join = PythonOPTemplate(joining, image="python:3.11", command=[sys.executable])
    given = {
        "artifacts": {"files": halve.outputs.artifacts["made"]},
        "parameters": {"ys": halve.outputs.parameters["y"]},
    }
    wf = workflow(halve, Step("join", join, key="join", **given))
    made = export_workflow(wf)
    assert [finding for finding in lint([made.manifest]) if finding.severity is Severity.ERROR] == []
    uploads = {}
    for number, item in enumerate(made.uploads):
        (tmp_path / f"upload-{number}").write_text(item.text or "")
        uploads[item.key] = str(tmp_path / f"upload-{number}") if item.path is None else item.path
    loaded = from_text(text_of(made), uploads)
    loaded.submit()
    assert loaded.query_status() == "Succeeded"
    assert loaded.query_step(key="join")[0].outputs.parameters["text"].value == "00 1111 222222 [1, 2, 3]"
    copies = [step for step in loaded.query_step() if (step.key or "").startswith("halve-")]
    assert len(copies) == (3 if size is None else 2)


def test_what_slices_ask_of_an_executor_of_scripts_alone_is_refused(tmp_path):
    (tmp_path / "f").write_text("x")
    template = ShellOPTemplate("t", image="i", command="sh", script="cat /tmp/f")
    template.inputs.artifacts["f"] = InputArtifact(path="/tmp/f")
    step = Step(
        "a",
        template,
        artifacts={"f": upload_artifact([tmp_path / "f"])},
        slices=Slices(input_artifact=["f"]),
        with_param=[0],
        executor=InAShell(),
    )
    with pytest.raises(ExportError, match="elements and lists of artifacts are for Python OPs in an export"):
        workflow(step).to_dict()


def test_a_rendering_that_fails_is_said_where_it_is_needed_alone():
    class Broken(Remote):
        def render(self, template):
            return None

    wf = workflow(Step("far", shell(), executor=Broken()))
    compile_workflow(wf)
    with pytest.raises(CompileError, match=r"step 'far': Broken.render returned None, which is no template"):
        wf.to_dict()


def test_a_graph_is_for_where_the_mode_says(monkeypatch):
    wf = workflow(Step("far", Steps("inner", steps=[Step("in", shell(), executor=Remote())])))
    monkeypatch.setitem(config, "mode", "debug")
    here = wf.to_graph_json()
    assert '"executor"' in here
    assert "echo remote" not in here
    monkeypatch.setitem(config, "mode", "default")
    there = wf.to_graph_json()
    assert '"executor"' not in there
    assert "echo remote" in there
    assert called(Workflow.from_graph_json(there).to_dict(), "in") == called(wf.to_dict(), "in")
