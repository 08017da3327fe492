"""Settings and arguments that say how manifests are made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dflow import (
    CustomArtifact,
    InputArtifact,
    Inputs,
    OutputArtifact,
    Outputs,
    S3Artifact,
    Secret,
    ShellOPTemplate,
    Step,
    Workflow,
    argo_range,
    config,
    s3_config,
    upload_artifact,
)
from dflow.common import key_of
from dflow.compile import compile_workflow
from dflow.decompile import decompile
from dflow.engine.errors import CompileError, ConfigError, ExportError
from dflow.exporters.argo.lint import Severity, lint
from dflow.manifests import export_workflow, from_text, text_of
from dflow.plugins.datasets import DatasetsArtifact
from dflow.python import OP, OPIO, Artifact, OPIOSign, PythonOPTemplate, Slices


@pytest.fixture(autouse=True)
def _own_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


class Double(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"x": int})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"y": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"y": op_in["x"] * 2})


class Count(OP):
    @classmethod
    def get_input_sign(cls):
        return OPIOSign({"files": Artifact(Path)})

    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"n": int})

    @OP.exec_sign_check
    def execute(self, op_in):
        return OPIO({"n": len(list(op_in["files"].iterdir()))})


def sliced(name: str = "double", **more: Any) -> Step:
    template = PythonOPTemplate(Double, slices=Slices(input_parameter=["x"], output_parameter=["y"]))
    return Step(name, template, parameters={"x": [1, 2]}, with_param=argo_range(2), continue_on_num_success=1, **more)


def lists(script: str = "ls /tmp/data", **more: Any) -> ShellOPTemplate:
    inputs = Inputs(artifacts={"data": InputArtifact(path="/tmp/data")})
    return ShellOPTemplate("list", image="alpine:3.20", script=script, inputs=inputs, **more)


def flow(*steps: Step, **more: Any) -> Workflow:
    workflow = Workflow("w", **more)
    for step in steps:
        workflow.add(step)
    return workflow


def manifest(workflow: Workflow, **options: Any) -> dict[str, Any]:
    made = export_workflow(workflow, **options)
    assert text_of(made) == text_of(export_workflow(workflow, **options)), "it must be the same each time"
    assert [str(f) for f in lint(made.manifest) if f.severity is Severity.ERROR] == []
    return made.manifest


def named(made: dict[str, Any], start: str) -> list[dict[str, Any]]:
    return [template for template in made["spec"]["templates"] if template["name"].startswith(start)]


# -- pods that help --------------------------------------------------------------------------------------------------


def test_pods_that_help_have_the_image_that_is_configured():
    (helper,) = named(manifest(flow(sliced())), "dflow-too-few")
    assert helper["script"]["image"] == "python:3.8"
    assert "imagePullPolicy" not in helper["script"]
    config.update(util_image="mirror/python:3", util_image_pull_policy="Never")
    (helper,) = named(manifest(flow(sliced())), "dflow-too-few")
    assert (helper["script"]["image"], helper["script"]["imagePullPolicy"]) == ("mirror/python:3", "Never")
    assert helper["script"]["command"] == ["sh"]


def test_a_step_says_which_image_and_command_help_it():
    own = sliced("own", util_image="own:1", util_image_pull_policy="Always", util_command="python3")
    made = manifest(flow(sliced("plain"), own))
    plain, other = sorted(named(made, "dflow-too-few"), key=lambda template: len(template["name"]))
    assert plain["script"]["image"] == "python:3.8"
    assert other["script"] == {
        "command": ["python3"],
        "source": "raise SystemExit('too few slices succeeded')\n",
        "image": "own:1",
        "imagePullPolicy": "Always",
    }
    assert len(named(made, "dflow-enough")) == 2


def test_what_helps_a_step_survives_the_graph():
    graph = compile_workflow(flow(sliced(util_image="own:1", util_command=["python3", "-u"])))
    assert compile_workflow(decompile(graph)) == graph


# -- names and keys --------------------------------------------------------------------------------------------------


def test_annotations_of_all_workflows_are_those_of_this_one():
    config["workflow_annotations"] = {"team": "a", "cost": "b"}
    workflow = flow(
        Step("s", ShellOPTemplate("t", script="echo '{{workflow.annotations.team}}'")), annotations={"cost": "c"}
    )
    assert manifest(workflow)["metadata"]["annotations"] == {"team": "a", "cost": "c"}
    workflow.submit()
    assert workflow.logs("s") == "a\n"


def test_keys_are_global_outputs_where_that_is_asked_for():
    template = ShellOPTemplate("t", image="alpine:3.20", script="true")
    workflow = flow(Step("s", template, key="iter-1"), Step("double", PythonOPTemplate(Double), {"x": 1}, key="k"))
    assert "dflow_global" not in str(manifest(workflow))
    config["save_keys_in_global_outputs"] = True
    made = manifest(workflow)
    for template in (*named(made, "t"), *named(made, "double")):
        assert {
            "name": "dflow_global",
            "value": "{{pod.name}}",
            "globalName": "dflow_key_{{inputs.parameters.dflow_key}}",
        } in template["outputs"]["parameters"]
    assert len([t for t in made["spec"]["templates"] if "dflow_global" in str(t.get("outputs"))]) == 2


def test_such_a_manifest_runs_here():
    config["save_keys_in_global_outputs"] = True
    template = ShellOPTemplate("t", image="alpine:3.20", script="true")
    again = from_text(text_of(export_workflow(flow(Step("s", template, key="iter-1")))))
    again.submit()
    assert again.query_status() == "Succeeded"


def test_the_namespace_is_that_of_the_workflow_else_that_of_the_settings():
    template = ShellOPTemplate("t", script="echo {{workflow.namespace}}")
    config["namespace"] = "chemistry"
    for more, expected in (({}, "chemistry"), ({"namespace": "physics"}, "physics")):
        workflow = flow(Step("s", template), **more)
        workflow.submit()
        assert workflow.logs("s") == f"{expected}\n"


# -- the repository --------------------------------------------------------------------------------------------------


def stored() -> Workflow:
    template = lists()
    template.outputs = Outputs(artifacts={"out": OutputArtifact(path="/tmp/out")})
    return flow(Step("s", template, artifacts={"data": S3Artifact("given/data")}))


def test_keys_of_an_oss_repository_begin_with_its_prefix():
    s3_config.update(repo_type="oss", repo_prefix="of/us/")
    (data,) = manifest(stored())["spec"]["templates"][-1]["steps"][0][0]["arguments"]["artifacts"]
    assert data["oss"]["key"] == "of/us/given/data"
    assert key_of({"oss": {"key": "of/us/given/data"}}) == "given/data"
    s3_config.update(repo_type="s3")
    (data,) = manifest(stored())["spec"]["templates"][-1]["steps"][0][0]["arguments"]["artifacts"]
    assert data["s3"]["key"] == "given/data"


def test_a_repository_says_its_kind():
    s3_config["repo"] = {"oss": {"bucket": "b", "endpoint": "e"}}
    (data,) = manifest(stored())["spec"]["templates"][-1]["steps"][0][0]["arguments"]["artifacts"]
    assert "oss" in data
    s3_config["repo"] = {"azure": {}}
    with pytest.raises(ConfigError, match=r"s3_config\['repo'\] is .* must be an artifact repository"):
        export_workflow(stored())


# -- artifacts of the user's own -------------------------------------------------------------------------------------


class Mounted(CustomArtifact):
    """Files of a volume that the cluster has."""

    def __init__(self, claim: str) -> None:
        self.claim = claim

    def get_urn(self) -> str:
        return self.claim

    @classmethod
    def from_urn(cls, urn: str) -> Mounted:
        return cls(urn)

    def download(self, name: str, path: str) -> None:
        Path(path).mkdir()
        for at in range(2):
            (Path(path) / f"{self.claim}-{at}").touch()

    def render(self, template: Any, name: str) -> Any:
        template.volumes = [*template.volumes, {"name": name, "persistentVolumeClaim": {"claimName": self.claim}}]
        path = template.inputs.artifacts[name].path
        template.mounts = [*template.mounts, {"name": name, "mountPath": path}]
        return template


class Odd(Mounted):
    def render(self, template: Any, name: str) -> Any:
        return self.answer

    answer: Any = None


class Bare(Mounted):
    render = CustomArtifact.render


def test_an_artifact_of_the_users_own_changes_the_template_of_a_manifest():
    template = lists()
    workflow = flow(
        Step("s", template, artifacts={"data": Mounted("disk")}), Step("other", template, artifacts={"data": upload()})
    )
    made = manifest(workflow)
    mounted = next(t for t in made["spec"]["templates"] if t.get("volumes"))
    assert mounted["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "disk"}}]
    assert mounted["script"]["volumeMounts"] == [{"name": "data", "mountPath": "/tmp/data"}]
    assert "inputs" not in mounted
    (plain,) = [t for t in named(made, "list") if not t.get("volumes")]
    assert [artifact["name"] for artifact in plain["inputs"]["artifacts"]] == ["data"]
    steps = [step for group in named(made, "w")[0]["steps"] for step in group]
    assert "arguments" not in steps[0]
    assert template.volumes == []
    assert list(template.inputs.artifacts) == ["data"]


def upload() -> Any:
    Path("one").write_text("1")
    return upload_artifact("one")


def test_a_python_op_finds_it_at_the_path_of_its_input():
    workflow = flow(Step("s", PythonOPTemplate(Count, image="python:3.11"), artifacts={"files": Mounted("disk")}))
    made = manifest(workflow)
    (mounted,) = [t for t in made["spec"]["templates"] if t.get("volumes")]
    assert mounted["script"]["volumeMounts"] == [{"name": "files", "mountPath": "/tmp/inputs/artifacts/files"}]
    assert "files" not in [a["name"] for a in mounted.get("inputs", {}).get("artifacts", [])]
    workflow.submit()
    assert workflow.query_step(name="s")[0].outputs.parameters["n"].value == 2


def test_a_class_without_render_is_refused():
    with pytest.raises(ExportError, match=r"write its render\(template, name\)"):
        export_workflow(flow(Step("s", lists(), artifacts={"data": Bare("disk")})))


def test_what_render_must_return_is_said():
    with pytest.raises(CompileError, match=r"step 's'.*: Odd.render returned None, which is no template"):
        export_workflow(flow(Step("s", lists(), artifacts={"data": Odd("disk")})))


def test_a_data_set_is_mounted_by_a_sidecar():
    data = DatasetsArtifact("water", "v1", user="me", password=Secret(name="account", key="pw"), sub_path="a b")
    workflow = flow(
        Step("s", lists(), artifacts={"data": data}),
        Step("t", PythonOPTemplate(Count, image="python:3.11"), artifacts={"files": data}),
    )
    made = manifest(workflow)
    shell, python = (next(t for t in named(made, name) if t.get("sidecars")) for name in ("list", "python"))
    (sidecar,) = shell["sidecars"]
    assert sidecar["args"][0].endswith(
        'pass "$RCLONE_PASSWORD" && mkdir -p /launching/data && rclone mount water@v1: /launching/data'
    )
    assert sidecar["env"][0]["valueFrom"] == {"secretKeyRef": {"name": "account", "key": "pw"}}
    assert shell["script"]["volumeMounts"][0]["mountPropagation"] == "HostToContainer"
    assert "ln -s '/launching/data/a b' /tmp/data\nls /tmp/data" in shell["script"]["source"]
    assert "os.symlink('/launching/files/a b', '/tmp/inputs/artifacts/files')" in python["script"]["source"]
    compile(python["script"]["source"], "driver", "exec")


def test_the_password_of_a_data_set_is_in_no_manifest():
    data = DatasetsArtifact("water", "v1", user="me", password="hush-hush")  # noqa: S106
    with pytest.raises(CompileError, match=r"give the password of a data set as Secret\(name=…\)") as found:
        export_workflow(flow(Step("s", lists(), artifacts={"data": data})))
    assert "hush" not in str(found.value)


# -- links in pods ---------------------------------------------------------------------------------------------------


class Linked(Count):
    @classmethod
    def get_output_sign(cls):
        return OPIOSign({"out": Artifact(Path)})


def test_in_a_pod_links_lead_to_the_page_of_the_store(monkeypatch):
    s3_config.update(console="https://store.example.org/", bucket_name="runs")
    workflow = flow(Step("s", PythonOPTemplate(Linked), artifacts={"files": S3Artifact("given/data")}))
    (template,) = (t for t in manifest(workflow)["spec"]["templates"] if "script" in t)
    given = {pair["name"]: pair.get("value") for pair in template["script"]["env"]}
    assert given["DFLOW_S3_CONSOLE"] == "https://store.example.org/"
    assert given["DFLOW_S3_BUCKET_NAME"] == "runs"
    seen = {
        "inputs": {"artifacts": [{"name": "files", "s3": {"key": "given/data"}}]},
        "outputs": {"artifacts": [{"name": "out", "archive": {"none": {}}}]},
        "archiveLocation": {"s3": {"key": "w-1/w-1-s-1"}},
    }
    op = Linked()
    op._step = "/tmp/dflow"
    monkeypatch.setenv("ARGO_TEMPLATE", json.dumps(seen))
    assert op.get_input_artifact_storage_key("files") == "given/data"
    assert op.get_output_artifact_storage_key("out") == "w-1/w-1-s-1/out"
    browse = "https://store.example.org/buckets/runs/browse/"
    assert op.get_input_artifact_link("files") == f"{browse}Z2l2ZW4vZGF0YQ=="
    assert op.get_output_artifact_link("out").startswith(browse)
