"""The client of Kubernetes, the secret of an image registry, and volume claims, as far as they go without a cluster."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dflow
import pytest
import yaml
from argo_server import ArgoTestServer
from dflow import (
    DockerSecret,
    InputArtifact,
    Inputs,
    OutputArtifact,
    Outputs,
    ShellOPTemplate,
    Step,
    Workflow,
    config,
)
from dflow.engine.errors import ConfigError, ExportError
from dflow.exporters.argo.lint import Severity, lint
from dflow.io import PVC
from dflow.k8s import create_secret
from dflow.op_template import get_k8s_client

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cluster:
    """The part of an API server that is needed here: it keeps secrets, and notes who asks."""

    def __init__(self) -> None:
        self.secrets: dict[str, Any] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                cluster.asked.append((self.command, self.path, self.headers.get("Authorization")))
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else {}
                status, reply = cluster.reply(self.command, self.path, body)
                text = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer  # noqa: N815 - names of http.server

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def reply(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if "/forbidden/" in path:
            return 403, {"kind": "Status", "message": "no"}
        if method == "GET":
            return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}
        name = body["metadata"]["name"]
        if method == "POST" and name in self.secrets:
            return 409, {"kind": "Status", "message": "AlreadyExists"}
        self.secrets[name] = body
        return 200, body


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    pytest.importorskip("kubernetes")
    made = Cluster()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_client_asks_the_server_that_is_set_with_the_token(cluster: Cluster) -> None:
    config["k8s_api_server"], config["token"] = cluster.url, "secret-token"
    Workflow("w").get_k8s_core_v1_api().list_namespaced_pod("argo")
    other = Workflow("w", k8s_api_server=cluster.url, token="other")  # noqa: S106 - of no cluster
    other.get_k8s_core_v1_api().list_namespaced_pod("argo")
    assert cluster.asked == [
        ("GET", "/api/v1/namespaces/argo/pods", "Bearer secret-token"),
        ("GET", "/api/v1/namespaces/argo/pods", "Bearer other"),
    ]


def test_a_client_asks_the_cluster_of_a_file(cluster: Cluster) -> None:
    Path("kube.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
                "users": [{"name": "u", "user": {"token": "of-the-file"}}],
            }
        )
    )
    assert get_k8s_client(k8s_config_file="kube.yaml").configuration.host == cluster.url
    config["k8s_config_file"] = "kube.yaml"
    Workflow("w").get_k8s_core_v1_api().list_namespaced_pod("argo")
    assert cluster.asked == [("GET", "/api/v1/namespaces/argo/pods", "Bearer of-the-file")]


def test_a_file_that_is_not_there_or_no_configuration_is_named() -> None:
    pytest.importorskip("kubernetes")
    Path("bad.yaml").write_text("- 1\n")
    for file in ("missing.yaml", "bad.yaml"):
        with pytest.raises(
            ConfigError, match=f"there is no cluster to be found in {file}: .*config\\['k8s_config_file'\\]"
        ):
            get_k8s_client(k8s_config_file=file)


def test_without_the_package_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['kubernetes'] = None\n"
        "import dflow\n"
        "dflow.DockerSecret('r', 'u', 'p')\n"
        "try:\n    dflow.Workflow('w').get_k8s_core_v1_api()\n"
        "except ImportError as exc:\n    print(exc)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "a client of Kubernetes needs: pip install 'pydflow[k8s]'"


# -- the secret of a registry -------------------------------------------------------------------------------------


def test_the_secret_of_a_registry_is_a_document_and_only_its_name_in_the_graph() -> None:
    wf = Workflow("w", image_pull_secrets=[DockerSecret("reg.example.org", "me", "pa55", name="reg"), "other"])
    wf.add(Step("a", ShellOPTemplate("t", script="true", image="reg.example.org/x")))
    manifest, secret = yaml.safe_load_all(wf.to_yaml())
    assert manifest["spec"]["imagePullSecrets"] == [{"name": "reg"}, {"name": "other"}]
    assert (secret["kind"], secret["type"], secret["metadata"]["name"]) == (
        "Secret",
        "kubernetes.io/dockerconfigjson",
        "reg",
    )
    account = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]["reg.example.org"]
    assert (account["username"], account["password"]) == ("me", "pa55")
    assert base64.b64decode(account["auth"]) == b"me:pa55"
    assert [str(one) for one in lint([manifest, secret]) if one.severity is Severity.ERROR] == []
    assert "pa55" not in wf.to_graph_json()
    assert "pa55" not in repr(wf.image_pull_secrets)


def test_a_secret_is_made_in_the_cluster_and_replaced_when_it_is_there(cluster: Cluster) -> None:
    api = Workflow("w", k8s_api_server=cluster.url).get_k8s_core_v1_api()
    for password in ("old", "new"):
        create_secret(api, "argo", DockerSecret("r", "u", password, name="reg").manifest())
    account = json.loads(base64.b64decode(cluster.secrets["reg"]["data"][".dockerconfigjson"]))["auths"]["r"]
    assert account["password"] == "new"  # noqa: S105 - of no registry
    assert [asked[:2] for asked in cluster.asked] == [
        ("POST", "/api/v1/namespaces/argo/secrets"),
        ("POST", "/api/v1/namespaces/argo/secrets"),
        ("PUT", "/api/v1/namespaces/argo/secrets/reg"),
    ]
    with pytest.raises(ConfigError, match="the secret 'reg' could not be made in the namespace 'forbidden'"):
        create_secret(api, "forbidden", DockerSecret("r", "u", "p", name="reg").manifest())


def test_submit_makes_the_secret_before_the_workflow(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArgoTestServer(token="t") as argo:  # noqa: S106 - of no server
        config.update(mode="argo", host=argo.url, token="t", k8s_api_server=cluster.url)  # noqa: S106 - of no server
        wf = Workflow("w", image_pull_secrets=DockerSecret("r", "u", "p", name="reg"))
        wf.add(Step("a", ShellOPTemplate("t", script="true", image="r/x")))
        cluster.server.server_close()
        with pytest.raises(ConfigError, match="the secret 'reg' could not be made in the namespace 'argo'"):
            wf.submit()
        assert argo.requests == []


def test_a_secret_that_was_made_lets_the_workflow_go(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ArgoTestServer(token="t") as argo:  # noqa: S106 - of no server
        config.update(mode="argo", host=argo.url, token="t", k8s_api_server=cluster.url)  # noqa: S106 - of no server
        wf = Workflow("w", image_pull_secrets=DockerSecret("r", "u", "p", name="reg"))
        wf.add(Step("a", ShellOPTemplate("t", script="true", image="r/x")))
        wf.submit()
        assert len(argo.requests) == 1
    assert list(cluster.secrets) == ["reg"]


def test_the_run_directory_does_not_know_the_password() -> None:
    wf = Workflow("w", image_pull_secrets=DockerSecret("r", "me", "pa55-word"))
    wf.add(Step("a", ShellOPTemplate("t", script="true")))
    wf.submit()
    files = [file for file in Path(str(wf.id)).rglob("*") if file.is_file()]
    assert len(files) > 3
    assert [file for file in files if b"pa55-word" in file.read_bytes()] == []


# -- volume claims ------------------------------------------------------------------------------------------------


def claims(*pvcs: Any) -> ShellOPTemplate:
    return ShellOPTemplate("t", script="ls /mnt", image="alpine", pvcs=list(pvcs))


def exported(template: ShellOPTemplate) -> dict[str, Any]:
    wf = Workflow("w")
    wf.add(Step("a", template))
    made = wf.to_dict()
    assert [str(one) for one in lint(made) if one.severity is Severity.ERROR] == []
    return dict(made["spec"])


def test_a_claim_of_an_artifact_is_a_volume_in_a_manifest() -> None:
    maker = ShellOPTemplate("m", script="", outputs=Outputs(artifacts={"bar": OutputArtifact("/tmp/bar")}))
    claim = maker.outputs.artifacts["bar"].pvc("2Gi", storage_class="fast", access_modes=["ReadWriteMany"])
    assert (type(claim), claim.name, claim.size) == (PVC, "public", "2Gi")
    assert claim.subpath != maker.outputs.artifacts["bar"].pvc().subpath
    spec = exported(claims(claim))
    assert spec["volumeClaimTemplates"] == [
        {
            "metadata": {"name": "public"},
            "spec": {
                "accessModes": ["ReadWriteMany"],
                "resources": {"requests": {"storage": "2Gi"}},
                "storageClassName": "fast",
            },
        }
    ]
    found = next(row for row in spec["templates"] if row["name"] == "t")
    assert found["script"]["volumeMounts"] == [{"name": "public", "mountPath": "/mnt/public", "subPath": claim.subpath}]


def test_several_places_of_one_volume_do_not_cover_each_other() -> None:
    spec = exported(claims(PVC("data", "a"), PVC("data", "b")))
    found = next(row for row in spec["templates"] if row["name"] == "t")
    mounts = [(row["mountPath"], row["subPath"]) for row in found["script"]["volumeMounts"]]
    assert mounts == [("/mnt/data/a", "a"), ("/mnt/data/b", "b")]
    assert len(spec["volumeClaimTemplates"]) == 1


def test_claims_of_one_name_must_agree() -> None:
    with pytest.raises(ExportError, match="'data' is asked for with several sizes"):
        exported(claims(PVC("data", "a", size="1Gi"), PVC("data", "b", size="2Gi")))


def test_a_step_that_is_given_the_claim_of_an_artifact_takes_the_artifact() -> None:
    maker = ShellOPTemplate("m", script="echo hi > {{outputs.artifacts.bar.path}}")
    maker.outputs.artifacts["bar"] = OutputArtifact("/tmp/bar")
    taker = ShellOPTemplate("k", script="grep hi {{inputs.artifacts.i.path}}")
    taker.inputs = Inputs(artifacts={"i": InputArtifact("/tmp/i")})
    wf = Workflow("w")
    first = Step("a", maker)
    wf.add(first)
    wf.add(Step("b", taker, artifacts={"i": first.outputs.artifacts["bar"].pvc()}))
    wf.submit()
    assert wf.query_status() == "Succeeded"
    assert dflow.DockerSecret is DockerSecret
