"""Workflows as manifests and back, as a script and as the command line sees them."""

from __future__ import annotations

import json

import pytest
import yaml
from argo_server import ArgoTestServer
from dflow import HTTPOPTemplate, Step, Workflow, config
from dflow.cli import main
from dflow.engine.errors import CompileError, ExportError
from dflow.manifests import export_workflow, for_a_server
from dflow.op_template import ShellOPTemplate

SCRIPT = """
from pathlib import Path
from typing import List
from dflow import Step, Workflow
from dflow.python import OP, Artifact, PythonOPTemplate, Slices

@OP.function
def make(n: int) -> {"xs": List[int], "made": Artifact(List[Path])}:
    made = [Path(f"{i}.txt") for i in range(n)]
    for i, file in enumerate(made):
        file.write_text(str(i * i))
    return {"xs": list(range(n)), "made": made}

@OP.function
def work(x: int, file: Artifact(Path)) -> {"y": float, "out": Artifact(Path)}:
    out = Path(f"out-{x}.txt")
    out.write_text(file.read_text() + "!")
    return {"y": x / 2, "out": out}

@OP.function
def total(ys: List[float], outs: Artifact(List[Path])) -> {"text": str}:
    return {"text": f"{sum(ys)} " + " ".join(out.read_text() for out in outs)}

wf = Workflow("demo")
first = Step("make", PythonOPTemplate(make), parameters={"n": 3})
slices = Slices(input_parameter=["x"], input_artifact=["file"], output_parameter=["y"], output_artifact=["out"])
second = Step(
    "work",
    PythonOPTemplate(work, slices=slices),
    parameters={"x": first.outputs.parameters["xs"]},
    artifacts={"file": first.outputs.artifacts["made"]},
    key="work-{{item.order}}",
)
end = Step(
    "total",
    PythonOPTemplate(total),
    parameters={"ys": second.outputs.parameters["y"]},
    artifacts={"outs": second.outputs.artifacts["out"]},
)
for step in (first, second, end):
    wf.add(step)
wf.submit()
"""
MANIFEST = """
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: say-, labels: {team: a}}
spec:
  entrypoint: main
  nodeSelector: {kind: gpu}
  arguments: {parameters: [{name: word, value: hello}]}
  templates:
  - name: main
    steps: [[{name: say, template: say}]]
  - name: other
    steps: [[{name: again, template: say}]]
  - name: say
    container: {image: alpine, command: [echo], args: ["{{workflow.parameters.word}}"]}
"""


def one_step(template=None):
    wf = Workflow("wf")
    wf.add(Step("a", template or ShellOPTemplate("say", image="alpine", script="echo hi"), key="k"))
    return wf


# -- in a script ----------------------------------------------------------------------------------------------


def test_a_workflow_is_a_manifest_as_data_json_and_yaml():
    wf = one_step()
    data = wf.to_dict()
    assert (data["kind"], data["spec"]["entrypoint"]) == ("Workflow", "wf")
    assert json.loads(wf.to_json()) == data == yaml.safe_load(wf.to_yaml())


@pytest.mark.parametrize("form", ["dict", "json", "yaml"])
def test_a_manifest_is_a_workflow_that_runs(form):
    data = yaml.safe_load(MANIFEST)
    given = {"dict": data, "json": json.dumps(data), "yaml": MANIFEST}[form]
    wf = getattr(Workflow, f"from_{form}")(given)
    wf.submit()
    assert (wf.query_status(), wf.logs("say")) == ("Succeeded", "hello\n")


def test_a_manifest_that_was_read_is_written_as_it_was():
    wf = Workflow.from_yaml(MANIFEST)
    assert wf.to_dict() == yaml.safe_load(MANIFEST)
    with pytest.raises(ValueError, match="was read from a manifest"):
        wf.add(one_step())


def test_a_graph_that_was_read_can_be_exported_again():
    graph = Workflow.from_yaml(one_step().to_yaml()).to_graph()
    again = Workflow.from_graph(graph).to_dict()
    names = [p["name"] for t in again["spec"]["templates"] for p in t.get("inputs", {}).get("parameters", ())]
    assert names == ["dflow_key"]


def test_other_kinds_are_made_of_workflows_not_of_manifests():
    made = export_workflow(one_step(), kind="CronWorkflow", schedule="0 2 * * *").manifest
    assert made["spec"]["schedules"] == ["0 2 * * *"]
    with pytest.raises(ExportError, match="needs a schedule"):
        export_workflow(one_step(), kind="CronWorkflow")
    with pytest.raises(ExportError, match="exported as a Workflow only"):
        export_workflow(Workflow.from_yaml(MANIFEST), kind="WorkflowTemplate")


def test_what_cannot_run_here_is_said_at_once():
    text = MANIFEST.replace("container: {", "containerSet: {containers: [{name: main, ").replace('"]}', '"]}]}')
    with pytest.raises(CompileError, match="containerSet"):
        Workflow.from_yaml(text)


# -- on the command line --------------------------------------------------------------------------------------


def test_a_script_is_exported_linted_and_its_manifest_run(run_script, tmp_path, capfd):
    (tmp_path / "flow.py").write_text(SCRIPT)
    assert main(["export", "flow.py", "-o", "wf.yaml"]) == 0
    assert not list(tmp_path.glob("demo-*")), "an export runs nothing"
    assert main(["lint", "wf.yaml"]) == 0
    assert main(["lint", "flow.py"]) == 0
    plan = json.loads((tmp_path / "wf.uploads" / "plan.json").read_text())
    assert {key.split("/")[1] for key in plan} == {"op", "packages"}
    (tmp_path / "flow.py").unlink()
    assert main(["run", "wf.yaml"]) == 0
    (text,) = tmp_path.glob("demo-*/*total*/outputs/parameters/text")
    assert text.read_text() == "1.5 0! 1! 4!"
    capfd.readouterr()


def test_parameters_and_the_entrypoint_can_be_chosen(tmp_path, capfd):
    (tmp_path / "wf.yaml").write_text(MANIFEST)
    assert main(["submit", "wf.yaml", "-p", "word=bye", "--entrypoint", "other"]) == 0
    (log,) = tmp_path.glob("say-*/*again*/log.txt")
    assert log.read_text() == "bye\n"
    assert main(["submit", "wf.yaml", "-p", "word"]) == 2
    assert "NAME=VALUE" in capfd.readouterr().err


def test_a_wrong_manifest_is_one_message_and_status_1(tmp_path, capfd):
    (tmp_path / "wf.yaml").write_text(MANIFEST.replace("template: say}", "template: sya}"))
    assert main(["run", "wf.yaml"]) == 1
    assert main(["lint", "wf.yaml"]) == 1
    seen = capfd.readouterr()
    assert "sya" in seen.err
    assert "CALL-01" in seen.out
    assert "Traceback" not in seen.err
    assert not list(tmp_path.glob("say-*"))


# -- to a server ----------------------------------------------------------------------------------------------


@pytest.fixture
def argo(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArgoTestServer(token="t") as server:  # noqa: S106 - of the server of the tests
        config.update(mode="argo", host=server.url, token="t")  # noqa: S106
        yield server


def test_a_manifest_is_sent_as_it_is(argo, tmp_path, capfd):
    """Also what could not run here, and what is not used here."""
    resource = "\n  - name: extra\n    resource: {action: delete, manifest: '{}'}\n"
    (tmp_path / "wf.yaml").write_text(MANIFEST.rstrip() + resource)
    assert main(["submit", "wf.yaml", "-p", "word=bye", "--detach"]) == 0
    ((name, stored),) = argo.workflows.items()
    spec = stored["spec"]
    assert spec["nodeSelector"] == {"kind": "gpu"}
    assert spec["arguments"] == {"parameters": [{"name": "word", "value": "bye"}]}
    assert [template["name"] for template in spec["templates"]] == ["main", "other", "say", "extra"]
    assert stored["metadata"]["labels"]["team"] == "a"
    assert str(name).rpartition("/")[2].startswith("say-")
    capfd.readouterr()


def test_a_text_without_a_workflow_cannot_be_sent():
    with pytest.raises(CompileError, match="there is no workflow among"):
        for_a_server("kind: ConfigMap\napiVersion: v1\n", {})


def test_an_http_template_is_exported_and_compiled():
    template = HTTPOPTemplate("http://localhost/{{workflow.name}}", name="ask", method="post", body="{}")
    (made,) = [t for t in one_step(template).to_dict()["spec"]["templates"] if t["name"] == "ask"]
    assert made["http"] == {"method": "POST", "url": "http://localhost/{{workflow.name}}", "body": "{}"}
