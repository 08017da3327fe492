"""Steps that objects of a cluster complete: what a manifest says of them, and how they run where there is a cluster."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dflow
import pytest
import yaml
from cluster import FakeCluster
from dflow import (
    Context,
    InputArtifact,
    InputParameter,
    Inputs,
    OutputArtifact,
    OutputParameter,
    Outputs,
    Resource,
    ScriptOPTemplate,
    Secret,
    ShellOPTemplate,
    SlurmJob,
    SlurmJobTemplate,
    Step,
    Steps,
    Workflow,
    argo_range,
    config,
    upload_artifact,
)
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import CompileError
from dflow.engine.expressions import substitute
from dflow.engine.model import ResourceTemplate
from dflow.exporters.argo.lint import Severity, lint
from dflow.manifests import export_workflow, from_text, text_of
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices
from dflow.slurm_job import ROOT


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    made = FakeCluster(tmp_path / "fake")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


class Job(Resource):
    """A Job of the cluster that runs the command of the template."""

    action = "create"
    success_condition = "status.phase == Done"
    failure_condition = "status.phase == Broken"

    def __init__(self, phase="Done", as_text=False):
        self.phase, self.as_text = phase, as_text

    def get_manifest(self, template):
        data = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "generateName": "job-",
                "annotations": {"fake/statuses": json.dumps([[0.2, {"phase": self.phase}]])},
                "labels": {"for": "{{inputs.parameters.who}}"},
            },
            "spec": {"template": {"spec": {"containers": [{"image": template.image, "args": [template.script]}]}}},
        }
        return yaml.safe_dump(data) if self.as_text else data


def template(**more):
    return ShellOPTemplate(
        "job",
        image="alpine:3",
        script="echo hello",
        inputs=Inputs(parameters={"who": InputParameter(value="me")}),
        outputs=Outputs(parameters={"phase": OutputParameter(value_from_path="{.status.phase}")}),
        **more,
    )


def workflow(*steps):
    wf = Workflow("wf")
    for step in steps:
        wf.add(step)
    return wf


def templates_of(wf):
    manifest = wf.to_dict()
    errors = [str(finding) for finding in lint([manifest]) if finding.severity is Severity.ERROR]
    assert errors == []
    return {made["name"]: made for made in manifest["spec"]["templates"]}


@pytest.mark.parametrize("as_text", [False, True])
def test_a_manifest_has_the_object_and_what_is_waited_for(as_text):
    step = Step(
        "a", template(timeout=90, retry_strategy={"limit": 2}, labels={"x": "y"}), use_resource=Job("Done", as_text)
    )
    made = templates_of(workflow(step))["job"]
    resource = made["resource"]
    assert (resource["action"], resource["successCondition"], resource["failureCondition"]) == (
        "create",
        "status.phase == Done",
        "status.phase == Broken",
    )
    given = yaml.safe_load(resource["manifest"])
    assert given["spec"]["template"]["spec"]["containers"] == [{"image": "alpine:3", "args": ["echo hello"]}]
    assert made["outputs"]["parameters"] == [{"name": "phase", "valueFrom": {"jsonPath": "{.status.phase}"}}]
    assert made["activeDeadlineSeconds"] == 90
    assert made["retryStrategy"]["limit"] == "2"
    assert made["metadata"]["labels"] == {"x": "y"}
    assert not {"script", "container"} & made.keys()


def test_the_same_template_with_and_without_a_resource_is_two():
    shared = ShellOPTemplate(
        "echo", image="alpine:3", script="true", inputs=Inputs(parameters={"who": InputParameter()})
    )
    wf = workflow(
        Step("a", shared, parameters={"who": "a"}, use_resource=Job()), Step("b", shared, parameters={"who": "b"})
    )
    kinds = sorted(
        next(iter({"resource", "script"} & made.keys())) for n, made in templates_of(wf).items() if n != "wf"
    )
    assert kinds == ["resource", "script"]


def test_a_script_template_may_have_the_resource_itself():
    class OfAnSdk:
        action, manifest, success_condition, failure_condition, flags = "apply", "kind: Job", "a > 1", None, ["-v"]

    for given in (OfAnSdk, {"action": "apply", "manifest": "kind: Job", "successCondition": "a > 1", "flags": ["-v"]}):
        made = templates_of(workflow(Step("a", ScriptOPTemplate("r", resource=given))))["r"]["resource"]
        assert made == {"action": "apply", "manifest": "kind: Job", "successCondition": "a > 1", "flags": ["-v"]}


def test_a_context_changes_what_the_resource_is_shown():
    class Everywhere(Context):
        def render(self, template):
            template.image = "other:2"
            return template

    wf = workflow(Step("a", template(), use_resource=Job()))
    wf.context = Everywhere()
    assert "image: other:2" in templates_of(wf)["job"]["resource"]["manifest"]


def test_a_graph_goes_through_json_and_a_manifest_and_back():
    wf = workflow(Step("a", template(), use_resource=Job(), key="k"))
    graph = compile_workflow(wf)
    assert compile_workflow(decompile(graph)) == graph
    assert Workflow.from_graph_json(wf.to_graph_json()).to_dict() == wf.to_dict()
    (made,) = [t for t in Workflow.from_yaml(wf.to_yaml()).compiled.templates if isinstance(t, ResourceTemplate)]
    (mine,) = [t for t in graph.templates if isinstance(t, ResourceTemplate)]
    assert (made.manifest, made.success_condition, made.outputs) == (
        mine.manifest,
        mine.success_condition,
        mine.outputs,
    )


def _with(resource, **more):
    return Step("a", ShellOPTemplate("t", image="i", script="true", **more), use_resource=resource)


class Other(Job):
    def __init__(self, **fields):
        super().__init__()
        self.__dict__.update(fields)
        self.made = fields.get("made", "kind: Job")

    def get_manifest(self, template):
        return self.made


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: _with(object()), "is no Resource: it has no method get_manifest"),
        (lambda: _with(Other(made=7)), "get_manifest returned 7; it must be YAML text or a dict"),
        (lambda: _with(Other(action="make")), "has the action 'make'; it must be one of get, create"),
        (lambda: _with(Other(made="")), "has no manifest, which 'create' needs"),
        (lambda: _with(Other(success_condition="a && b")), "success_condition: 'a && b' is no requirement"),
        (lambda: _with(Other(made="kind: '{{inputs.parameters.x}}'")), "inputs.parameters.x is not known"),
        (
            lambda: _with(Other(), outputs=Outputs(parameters={"n": OutputParameter(value_from_path="/tmp/n")})),
            "output parameter 'n': a resource writes no files; name a field",
        ),
        (
            lambda: _with(Other(), outputs=Outputs(artifacts={"n": OutputArtifact(path="/tmp/n")})),
            "output artifact 'n': a resource writes no files",
        ),
        (
            lambda: Step("a", Steps("inner", steps=[_with(Other())]), use_resource=Other()),
            "give it to the steps inside",
        ),
        (
            lambda: Step(
                "a", ShellOPTemplate("t", image="i", script=""), executor=SlurmJobTemplate(), use_resource=Job()
            ),
            "a step has an executor or use_resource, not both",
        ),
    ],
)
def test_what_cannot_be_is_said_at_once(make, text):
    with pytest.raises(CompileError, match=text.replace("(", r"\(")):
        compile_workflow(workflow(make()))


def test_without_a_cluster_a_run_here_is_refused_with_what_to_do(cluster, monkeypatch):
    cluster.unset("context")
    wf = workflow(Step("a", template(), use_resource=Job()))
    with pytest.raises(
        CompileError, match=r"template 'job': .*\(create\) needs a cluster, and kubectl is set up for no"
    ):
        wf.submit()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CompileError, match=r"there is no kubectl on PATH; submit the workflow to an Argo server"):
        wf.submit()


def test_with_a_cluster_it_runs_and_its_outputs_go_on(cluster):
    first = Step("a", template(), parameters={"who": "you"}, use_resource=Job(), key="a")
    show = ShellOPTemplate(
        "show",
        script="echo {{inputs.parameters.p}} > /tmp/p",
        inputs=Inputs(parameters={"p": InputParameter()}),
        outputs=Outputs(parameters={"p": OutputParameter(value_from_path="/tmp/p")}),
    )
    wf = workflow(first, Step("b", show, parameters={"p": first.outputs.parameters["phase"]}, key="b"))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_step(key="b")[0].outputs.parameters["p"].value == "Done"
    (made,) = cluster.objects.values()
    assert made["metadata"]["labels"] == {"for": "you"}


def test_a_manifest_with_an_object_runs_too(cluster):
    text = workflow(Step("a", template(), parameters={"who": "you"}, use_resource=Job(), key="a")).to_yaml()
    wf = Workflow.from_yaml(text)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_step(name="a")[0].outputs.parameters["phase"].value == "Done"
    assert [made["metadata"]["labels"] for made in cluster.objects.values()] == [{"for": "you"}]


def test_a_failed_object_fails_the_workflow(cluster):
    wf = workflow(Step("a", template(), use_resource=Job("Broken"), key="a"))
    wf.submit()
    (step,) = wf.query_step(key="a")
    assert (step.phase, wf.query_status()) == ("Failed", "Failed")
    assert "met the failure condition 'status.phase == Broken'" in step.message


# -- the SlurmJob of an operator --------------------------------------------------------------------------------------


def batch_of(made, **values):
    """The batch script of a job, with values in its tags."""
    return yaml.safe_load(substitute(made["resource"]["manifest"], values))["spec"]["batch"]


def test_a_slurm_job_is_the_script_with_its_header():
    job = SlurmJob(
        "#!/bin/sh\n#SBATCH --nodes=1",
        node_selector={"kubernetes.io/hostname": "v100"},
        prepare={"to": ".", "mount": {"name": "in", "hostPath": {"path": "/in"}}},
        results={"from": "out", "mount": {"name": "out", "hostPath": {"path": "/out"}}},
        workdir="some where",
    )
    made = templates_of(workflow(_with(job)))["t"]
    data = yaml.safe_load(made["resource"]["manifest"])
    assert (data["apiVersion"], data["kind"]) == ("wlm.sylabs.io/v1alpha1", "SlurmJob")
    assert data["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "v100"}
    assert data["spec"]["prepare"] == job.prepare
    assert data["spec"]["results"] == job.results
    assert data["spec"]["batch"].startswith(
        "#!/bin/sh\n#SBATCH --nodes=1\nmkdir -p 'some where' && cd 'some where' || exit 1\n"
    )
    assert made["resource"]["successCondition"] == "status.status == Succeeded"


VALUE = 'a "quoted" \\ text\n- with: {lines}\n#SBATCH --evil $(touch /tmp/x)'


def test_values_cannot_break_out_of_the_text_that_they_are_put_into():
    step = Step(
        "a",
        ShellOPTemplate(
            "t",
            image="i",
            script="cat <<'X'\n{{inputs.parameters.v}}\nX",
            inputs=Inputs(parameters={"v": InputParameter()}),
        ),
        parameters={"v": "any"},
        use_resource=SlurmJob("#SBATCH --comment='{{inputs.parameters.v}}'"),
    )
    batch = batch_of(templates_of(workflow(step))["t"], **{"inputs.parameters.v": VALUE})
    lines = batch.split("\n")
    assert lines[:2] == ["#!/bin/sh", "#SBATCH --comment='" + VALUE.replace("\n", " ") + "'"]
    assert f"cat <<'X'\n{VALUE}\nX\n" in batch


def test_a_slurm_job_runs(cluster):
    script = "echo from {{inputs.parameters.who}} > /tmp/made; cat /tmp/made"
    inputs = Inputs(parameters={"who": InputParameter()})
    step = Step(
        "a",
        ShellOPTemplate("t", image="i", script=script, inputs=inputs),
        parameters={"who": "here"},
        use_resource=SlurmJob("#SBATCH --nodes=1"),
    )
    wf = workflow(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert (cluster.state / "slurm home/tmp/made").read_text() == "from here\n"


class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": int, "file": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": int, "made": Artifact(Path)})

    def execute(self, op_in):
        print("doubling")
        Path("made.txt").write_text(op_in["file"].read_text() * 2)
        return OPIO({"y": 2 * op_in["x"], "made": Path("made.txt")})


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in put.txt").write_text("abc")
    return upload_artifact("in put.txt")


def shell(script, **more):
    return ShellOPTemplate(
        "greet",
        image="alpine:3",
        script=script,
        inputs=Inputs(parameters={"n": InputParameter(type=int)}, artifacts={"a": InputArtifact(path="/tmp/in.txt")}),
        outputs=Outputs(
            parameters={"n": OutputParameter(value_from_path="/tmp/n", type=int)},
            artifacts={"o": OutputArtifact(path="/tmp/sub/out put")},
        ),
        **more,
    )


COPY = (
    "cp {{inputs.artifacts.a.path}} '/tmp/sub/out put'; cat /tmp/in.txt; echo $(({{inputs.parameters.n}} * 2)) > /tmp/n"
)


def test_three_steps_stand_for_a_step(file):
    executor = SlurmJobTemplate(
        "#!/bin/sh\n#SBATCH -N {{inputs.parameters.n}}", {"kubernetes.io/hostname": "v100"}, collect_image="small:1"
    )
    wf = workflow(Step("a", shell(COPY, timeout=60), parameters={"n": 3}, artifacts={"a": file}, executor=executor))
    made = templates_of(wf)
    assert set(made) == {"wf", "greet-slurm", "greet-prepare", "greet-job", "greet-collect"}
    assert made["greet-prepare"]["script"]["image"] == config["util_image"]
    assert made["greet-collect"]["script"]["image"] == "small:1"
    volume = {"name": "dflow-slurm", "hostPath": {"path": ROOT, "type": "DirectoryOrCreate"}}
    assert made["greet-prepare"]["volumes"] == made["greet-collect"]["volumes"] == [volume]
    assert made["greet-job"]["activeDeadlineSeconds"] == 60
    places = {
        parameter["value"]
        for (call,) in made["greet-slurm"]["steps"]
        for parameter in call["arguments"]["parameters"]
        if parameter["name"] == "dflow_place"
    }
    assert len(places) == 1
    values = {"inputs.parameters.n": "3", "inputs.parameters.dflow_place": "p", "workflow.name": "w", "pod.name": "q"}
    data = yaml.safe_load(substitute(made["greet-job"]["resource"]["manifest"], values))["spec"]
    assert data["batch"].startswith("#!/bin/sh\n#SBATCH -N 3\n")
    assert data["prepare"]["to"] == "dflow/workflows/w/q"
    assert data["prepare"]["mount"]["hostPath"]["path"] == f"{ROOT}/p/inputs"
    assert data["results"]["from"] == "dflow/workflows/w/q/outputs"
    assert data["nodeSelector"] == {"kubernetes.io/hostname": "v100"}


def left_over(wf):
    return [place for place in Path(ROOT).iterdir() if place.name.startswith(wf.id)]


def test_a_script_runs_as_a_job_and_its_files_come_back(file, cluster):
    step = Step("a", shell(COPY), parameters={"n": 21}, artifacts={"a": file}, key="k", executor=SlurmJobTemplate())
    wf = workflow(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    (found,) = wf.query_step(key="k")
    assert found.outputs.parameters["n"].value == 42
    (out,) = dflow.download_artifact(found.outputs.artifacts["o"], path="down")
    assert Path(out).read_text() == "abc"
    assert "abc" in _log().read_text()
    assert left_over(wf) == []


def _log():
    (found,) = Path.cwd().glob("*/*-collect-*/log.txt")
    return found


def test_a_python_op_runs_as_a_job(file, cluster):
    template = PythonOPTemplate(Double, image="python:3.11", command=[sys.executable])
    wf = workflow(
        Step("a", template, parameters={"x": 4}, artifacts={"file": file}, key="k", executor=SlurmJobTemplate())
    )
    wf.submit()
    assert wf.query_status() == "Succeeded"
    (found,) = wf.query_step(key="k")
    assert found.outputs.parameters["y"].value == 8
    (out,) = dflow.download_artifact(found.outputs.artifacts["made"], path="down")
    assert Path(out).read_text() == "abcabc"


def test_slices_of_a_python_op_run_as_jobs(file, cluster):
    sliced = PythonOPTemplate(
        Double,
        image="python:3.11",
        command=[sys.executable],
        slices=Slices(
            "{{item}}", input_parameter=["x"], output_parameter=["y"], output_artifact=["made"], create_dir=True
        ),
    )
    step = Step(
        "a",
        sliced,
        parameters={"x": [1, 2]},
        artifacts={"file": file},
        with_param=argo_range(2),
        key="k-{{item}}",
        executor=SlurmJobTemplate(),
    )
    tell = ShellOPTemplate(
        "tell",
        image="alpine:3",
        script="echo '{{inputs.parameters.ys}}' $(find -L /tmp/all -name made.txt -exec cat {} +) > /tmp/ys",
        inputs=Inputs(parameters={"ys": InputParameter()}, artifacts={"all": InputArtifact(path="/tmp/all")}),
        outputs=Outputs(parameters={"ys": OutputParameter(value_from_path="/tmp/ys")}),
    )
    wf = workflow(
        step,
        Step(
            "tell",
            tell,
            parameters={"ys": step.outputs.parameters["y"]},
            artifacts={"all": step.outputs.artifacts["made"]},
            key="tell",
        ),
    )
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert wf.query_step(key="tell")[0].outputs.parameters["ys"].value == "[2, 4] abcabcabcabc"
    made = export_workflow(wf)
    assert "double-job" in {one["name"] for one in made.manifest["spec"]["templates"]}
    loaded = from_text(text_of(made), {item.key: item.path for item in made.uploads})
    loaded.submit()
    assert loaded.query_status() == "Succeeded"
    assert loaded.query_step(key="tell")[0].outputs.parameters["ys"].value == "[2, 4] abcabcabcabc"


def test_a_script_that_fails_fails_the_step_with_its_exit_code(file, cluster):
    step = Step(
        "a", shell("echo why >&2; exit 7"), parameters={"n": 1}, artifacts={"a": file}, executor=SlurmJobTemplate()
    )
    wf = workflow(step)
    wf.submit()
    assert wf.query_status() == "Failed"
    (last,) = wf.query_step(name="collect")
    assert "exit code 7" in last.message
    assert "why" in _log().read_text()
    assert left_over(wf) == []


def test_a_job_that_slurm_refuses_leaves_nothing(file, cluster):
    executor = SlurmJobTemplate("#!/no/such/shell")
    wf = workflow(Step("a", shell(COPY), parameters={"n": 1}, artifacts={"a": file}, executor=executor))
    wf.submit()
    assert wf.query_status() == "Failed"
    assert "the Slurm job ended as" in _log().read_text()
    assert left_over(wf) == []


def test_copies_of_a_loop_do_not_meet(file, cluster):
    step = Step(
        "a",
        shell(COPY),
        parameters={"n": "{{item}}"},
        artifacts={"a": file},
        with_param=argo_range(3),
        key="k-{{item}}",
        executor=SlurmJobTemplate(),
    )
    wf = workflow(step)
    wf.submit()
    assert wf.query_status() == "Succeeded"
    values = [wf.query_step(key=f"k-{index}")[0].outputs.parameters["n"].value for index in range(3)]
    assert values == [0, 2, 4]


@pytest.mark.parametrize("kind", ["docker", "podman", "singularity"])
def test_a_script_runs_in_its_image_where_a_program_for_that_is_given(file, cluster, kind, tmp_path):
    program = cluster.bin / kind
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/words"\nfor last; do :; done\ncat "$last"\n')
    program.chmod(0o755)
    executor = SlurmJobTemplate(**{f"{kind}_executable": str(program)})
    template = shell("cat /tmp/in.txt", envs={"A": "it's"})
    wf = workflow(Step("a", template, parameters={"n": 1}, artifacts={"a": file}, executor=executor))
    wf.submit()
    words = (tmp_path / "words").read_text().splitlines()
    place = next((cluster.state / "slurm home/dflow/workflows").glob("*/*"))
    bound = f"{place}/inputs/files/tmp:/tmp"
    assert words[-3:] == ["docker://alpine:3" if kind == "singularity" else "alpine:3", "sh", "script"]
    assert words[words.index(bound) - 1] == ("--bind" if kind == "singularity" else "-v")
    assert (place / "script").read_text() == "cat /tmp/in.txt\n"


@pytest.mark.parametrize(
    ("fields", "executor", "text"),
    [
        ({"envs": {"A": Secret(name="s")}}, SlurmJobTemplate(), "environment variable 'A' is no constant"),
        ({}, SlurmJobTemplate(docker_executable="d", podman_executable="p"), "takes one of docker_executable"),
    ],
)
def test_what_a_slurm_job_cannot_be_given_is_said(file, fields, executor, text):
    wf = workflow(Step("a", shell(COPY, **fields), parameters={"n": 1}, artifacts={"a": file}, executor=executor))
    with pytest.raises(CompileError, match=text):
        compile_workflow(wf)


def test_without_a_cluster_a_slurm_job_is_refused(file, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    wf = workflow(Step("a", shell(COPY), parameters={"n": 1}, artifacts={"a": file}, executor=SlurmJobTemplate()))
    with pytest.raises(
        CompileError, match=r"template 'greet-job': .* needs a cluster, and there is no kubectl on PATH"
    ):
        wf.submit()
