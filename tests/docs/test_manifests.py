"""The manifests of the Argo set-up: valid objects of Kubernetes that fit together; no cluster sees them here."""

from __future__ import annotations

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "manifests").rglob("*.yaml"))
PAGE = (ROOT / "docs" / "how-to" / "set-up-argo.md").read_text(encoding="utf-8")
VERSIONS = {
    "v1": {"Namespace", "ServiceAccount", "Secret", "ConfigMap", "Service", "PersistentVolumeClaim"},
    "apps/v1": {"Deployment"},
    "batch/v1": {"Job"},
    "rbac.authorization.k8s.io/v1": {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition"},
}
MADE_BY_HAND = {("Secret", "store-credentials"), ("ServiceAccount", "default")}
OBJECTS = [(file, found) for file in FILES for found in yaml.safe_load_all(file.read_text(encoding="utf-8"))]
IDS = [f"{file.stem}-{found['kind']}-{found['metadata']['name']}" for file, found in OBJECTS]
BY_NAME = {(found["kind"], found["metadata"]["name"]): found for _, found in OBJECTS}
POD_OWNERS = [found for _, found in OBJECTS if found["kind"] in ("Deployment", "Job")]


def of_kind(kind: str) -> list[dict[str, Any]]:
    """All objects of a kind."""
    return [found for _, found in OBJECTS if found["kind"] == kind]


def exists(kind: str, name: str) -> bool:
    """Whether an object is in a manifest, or made by hand or by Kubernetes."""
    return (kind, name) in BY_NAME or (kind, name) in MADE_BY_HAND


def pod_of(owner: dict[str, Any]) -> dict[str, Any]:
    """The specification of its pods."""
    spec: dict[str, Any] = owner["spec"]["template"]["spec"]
    return spec


def containers_of(owner: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of its pods."""
    return list(pod_of(owner)["containers"])


def test_the_files_of_the_guide_are_there() -> None:
    assert [file.relative_to(ROOT / "manifests").as_posix() for file in FILES] == [
        "quick-start.yaml",
        "wlm-operator/configurator.yaml",
        "wlm-operator/operator-rbac.yaml",
        "wlm-operator/operator.yaml",
    ]
    assert [file.name for file in FILES if file.name not in PAGE] == []
    assert len(BY_NAME) == len(OBJECTS), "two objects have one name"


@pytest.mark.parametrize(("file", "found"), OBJECTS, ids=IDS)
def test_kind_fits_version_and_the_object_has_a_place(file: Path, found: dict[str, Any]) -> None:
    assert found["kind"] in VERSIONS[found["apiVersion"]]
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", found["metadata"]["name"])
    is_global = found["kind"] in ("Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding")
    assert found["metadata"].get("namespace") == (None if is_global else "argo")


@pytest.mark.docs
@pytest.mark.parametrize(("file", "found"), OBJECTS, ids=IDS)
def test_object_has_the_fields_that_kubernetes_knows(file: Path, found: dict[str, Any]) -> None:
    import kubernetes_validate

    for version in (kubernetes_validate.latest_version(), "1.28.0"):
        kubernetes_validate.validate(found, version, strict=True)
    kind = {**found, "spec": {"no such field": 1}, "rules": 1, "roleRef": 1, "data": 1, "metadata": 1, "type": 1}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(kind, kubernetes_validate.latest_version(), strict=True)


def test_bindings_bind_what_exists() -> None:
    bindings = of_kind("RoleBinding") + of_kind("ClusterRoleBinding")
    assert bindings
    for binding in bindings:
        assert exists(binding["roleRef"]["kind"], binding["roleRef"]["name"]), binding["metadata"]
        assert all(exists(subject["kind"], subject["name"]) for subject in binding["subjects"]), binding["metadata"]
    bound = {binding["roleRef"]["name"] for binding in bindings}
    assert bound == {role["metadata"]["name"] for role in of_kind("Role") + of_kind("ClusterRole")}


def test_pods_run_as_accounts_that_exist() -> None:
    used = {pod_of(owner).get("serviceAccountName", "default") for owner in POD_OWNERS}
    assert used >= {"argo-controller", "argo-server", "wlm-operator"}
    assert [name for name in used if not exists("ServiceAccount", name)] == []
    tokens = [secret for secret in of_kind("Secret") if secret["type"] == "kubernetes.io/service-account-token"]
    owners = {secret["metadata"]["annotations"]["kubernetes.io/service-account.name"] for secret in tokens}
    assert owners == {"default", "dflow"}


def test_no_role_may_do_everything() -> None:
    rules = list(chain.from_iterable(role["rules"] for role in of_kind("Role") + of_kind("ClusterRole")))
    assert [rule for rule in rules if "*" in rule["verbs"] or "*" in rule["apiGroups"]] == []
    assert [rule for rule in rules if "*" in rule["resources"] and rule["apiGroups"] != ["wlm.sylabs.io"]] == []
    person = BY_NAME["Role", "dflow-user"]["rules"]
    assert not any("secrets" in rule["resources"] and {"get", "list", "watch"} & set(rule["verbs"]) for rule in person)


def test_roles_name_kinds_that_are_defined() -> None:
    kinds = {crd["spec"]["names"]["plural"] for crd in of_kind("CustomResourceDefinition")}
    for crd in of_kind("CustomResourceDefinition"):
        assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
    rules = [rule for role in of_kind("Role") for rule in role["rules"] if rule["apiGroups"] == ["argoproj.io"]]
    named = {resource.partition("/")[0] for rule in rules for resource in rule["resources"]}
    assert named == kinds


def test_images_are_pinned() -> None:
    images = [container["image"] for owner in POD_OWNERS for container in containers_of(owner)]
    for owner in POD_OWNERS:
        texts = [word for container in containers_of(owner) for word in container.get("args", [])]
        values = [env.get("value", "") for container in containers_of(owner) for env in container.get("env", [])]
        images += [text for text in [*texts, *values] if re.match(r"(quay\.io|registry\.example)", text)]
    assert len(images) >= 9
    assert [image for image in images if not re.search(r":[\w.-]*\d[\w.-]*$", image) or ":latest" in image] == []
    argo = {image.rpartition(":")[2] for image in images if "/argoproj/" in image}
    assert len(argo) == 1, "controller, server and executor are of one version"


def test_selectors_choose_the_pods_that_they_mean() -> None:
    labels = {owner["metadata"]["name"]: owner["spec"]["template"]["metadata"]["labels"] for owner in POD_OWNERS}
    for owner in of_kind("Deployment"):
        assert owner["spec"]["selector"]["matchLabels"] == labels[owner["metadata"]["name"]]
    for service in of_kind("Service"):
        chosen = [name for name, found in labels.items() if service["spec"]["selector"].items() <= found.items()]
        assert chosen == [service["metadata"]["name"]]
        (owner,) = (owner for owner in POD_OWNERS if owner["metadata"]["name"] == chosen[0])
        ports = {port["name"]: port["containerPort"] for c in containers_of(owner) for port in c["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_probes_ask_ports_that_are_open() -> None:
    probes = 0
    for owner in POD_OWNERS:
        for container in containers_of(owner):
            names = {port["name"] for port in container.get("ports", [])}
            for kind in ("readinessProbe", "livenessProbe"):
                if kind in container:
                    probes += 1
                    assert container[kind]["httpGet"]["port"] in names
    assert probes == 3


def test_volumes_claims_and_secrets_exist() -> None:
    for owner in POD_OWNERS:
        pod = pod_of(owner)
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        mounted = {mount["name"] for container in pod["containers"] for mount in container.get("volumeMounts", [])}
        assert mounted == set(volumes)
        claims = [v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v]
        assert all(exists("PersistentVolumeClaim", claim) for claim in claims)
        for container in pod["containers"]:
            for env in container.get("env", []):
                secret = env.get("valueFrom", {}).get("secretKeyRef")
                assert secret is None or exists("Secret", secret["name"])


def test_the_store_of_the_repository_is_the_store_and_its_bucket_is_made() -> None:
    found = BY_NAME["ConfigMap", "artifact-repositories"]
    key = found["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    store = yaml.safe_load(found["data"][key])["s3"]
    host, _, port = store["endpoint"].partition(":")
    assert int(port) in {p["port"] for p in BY_NAME["Service", host]["spec"]["ports"]}
    (job,) = containers_of(BY_NAME["Job", "store-bucket"])
    assert f"http://{store['endpoint']}" in job["args"][0]
    assert job["args"][0].rstrip().endswith(f"store/{store['bucket']}")
    for which in ("accessKeySecret", "secretKeySecret"):
        assert exists("Secret", store[which]["name"])
        assert f"--from-literal={store[which]['key']}=" in PAGE


def test_dflow_looks_there_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    from dflow.config import _S3_SETTINGS, _SETTINGS

    for port in (_SETTINGS["host"][0].rpartition(":")[2], _S3_SETTINGS["endpoint"][0].rpartition(":")[2]):
        assert f"{port}:{port}" in PAGE
    namespaces = [found["metadata"]["name"] for found in of_kind("Namespace")]
    assert namespaces == [_SETTINGS["namespace"][0]]
    store = yaml.safe_load(BY_NAME["ConfigMap", "artifact-repositories"]["data"]["store"])["s3"]
    assert store["bucket"] == _S3_SETTINGS["bucket_name"][0]


def test_no_password_stands_in_a_file() -> None:
    for file, found in OBJECTS:
        if found["kind"] == "Secret":
            assert not {"data", "stringData"} & set(found), file
        for env in re.findall(
            r'"name": "[A-Z_]*(?:KEY|PASSWORD|USER|SECRET)[A-Z_]*", "value": "[^"]', json.dumps(found)
        ):
            raise AssertionError(f"{file}: {env}")


@pytest.mark.parametrize("command", re.findall(r"kubectl .*?(?=\n(?!    )|\")", PAGE, re.DOTALL))
def test_commands_of_the_page_name_what_exists(command: str) -> None:
    named = re.findall(r"\b(deployment|service|job)/([\w-]+)", command)
    named += re.findall(r"\b(service|secret) ([a-z]+-[a-z]+|store)\b", command)
    kinds = {"deployment": "Deployment", "service": "Service", "job": "Job", "secret": "Secret"}
    assert [pair for pair in named if not exists(kinds[pair[0]], pair[1])] == []
    files = re.findall(r"-f (manifests/[\w/.-]+)", command)
    assert [file for file in files if not (ROOT / file).is_file()] == []
