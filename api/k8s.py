"""Kubernetes beside Argo: a client of the cluster, and the secret of an image registry.

The package ``kubernetes`` is optional, and imported when a client is asked for.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Dict

from dflow.config import config
from dflow.engine.errors import ConfigError, MissingExtra, WrongType
from dflow.tracebacks import called_by_users
from dflow.utils import randstr

__all__ = ["DockerSecret", "core_v1_api", "create_secret", "get_k8s_client"]

_EXISTS = 409


class DockerSecret:
    """The account of an image registry, for ``Workflow(image_pull_secrets=…)``.

    A manifest has it as a Secret of its own; graphs and run directories have its name only.

    Args:
        registry: such as ``"registry.example.org"``.
        name: of the Secret; made up when None.
    """

    @called_by_users
    def __init__(self, registry: str, username: str, password: str, name: str | None = None) -> None:
        self.registry = registry
        self.username = username
        self.password = password
        self.name = f"dflow-{randstr()}" if name is None else name

    def __repr__(self) -> str:
        return f"DockerSecret({self.registry!r}, {self.username!r}, name={self.name!r})"

    def manifest(self, namespace: str | None = None) -> Dict[str, Any]:
        """The Secret, as plain data."""
        for what in ("registry", "username", "password", "name"):
            if not isinstance(getattr(self, what), str):
                raise WrongType(f"DockerSecret: {what} must be a text, not {type(getattr(self, what)).__name__}")
        account = {
            "username": self.username,
            "password": self.password,
            "auth": base64.b64encode(f"{self.username}:{self.password}".encode()).decode(),
        }
        text = json.dumps({"auths": {self.registry: account}})
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self.name, **({} if namespace is None else {"namespace": namespace})},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()},
        }


@called_by_users
def get_k8s_client(
    k8s_api_server: str | None = None, token: str | None = None, k8s_config_file: str | None = None
) -> Any:
    """A ``kubernetes.client.ApiClient``.

    Args:
        k8s_api_server: address of the cluster, such as ``"https://10.0.0.1:6443"``; its certificate is not checked.
        token: bearer token for that address.
        k8s_config_file: without an address, the file that says which cluster; by default that which ``kubectl`` takes.

    What is None is taken from ``config``.

    Raises:
        MissingExtra: the package kubernetes is not installed.
        ConfigError: the file is not there, or does not say which cluster.
    """
    client, kube_config = _library()
    server = k8s_api_server or config["k8s_api_server"]
    if server:
        settings = client.Configuration(host=str(server))
        settings.verify_ssl = False
        if token or config["token"]:
            settings.api_key = {"authorization": f"Bearer {token or config['token']}"}
        return client.ApiClient(settings)
    file = k8s_config_file or config["k8s_config_file"]
    try:
        return kube_config.new_client_from_config(config_file=None if file is None else str(file))
    except (kube_config.ConfigException, OSError, ValueError, TypeError) as exc:
        where = "" if file is None else f" in {file}"
        raise ConfigError(
            f"there is no cluster to be found{where}: {exc}; set config['k8s_config_file'] or config['k8s_api_server']"
        ) from exc


def core_v1_api(k8s_api_server: str | None, token: str | None, k8s_config_file: str | None) -> Any:
    """A ``kubernetes.client.CoreV1Api``; arguments and errors are those of :func:`get_k8s_client`."""
    client, _ = _library()
    return client.CoreV1Api(get_k8s_client(k8s_api_server, token, k8s_config_file))


def create_secret(api: Any, namespace: str, secret: Dict[str, Any]) -> None:
    """Make a Secret of a cluster; one of that name gets the new content.

    Args:
        api: a ``kubernetes.client.CoreV1Api``.

    Raises:
        ConfigError: the cluster refuses, or does not answer.
    """
    client, _ = _library()
    name = secret["metadata"]["name"]
    try:
        try:
            api.create_namespaced_secret(namespace, secret)
        except client.ApiException as exc:
            if exc.status != _EXISTS:
                raise
            api.replace_namespaced_secret(name, namespace, secret)
    except Exception as exc:  # urllib3 has errors of many kinds
        why = getattr(exc, "reason", None) or exc
        raise ConfigError(f"the secret {name!r} could not be made in the namespace {namespace!r}: {why}") from exc


def _library() -> Any:
    try:
        from kubernetes import client
        from kubernetes import config as kube_config
    except ImportError as exc:
        raise MissingExtra("a client of Kubernetes needs: pip install 'pydflow[k8s]'") from exc
    return client, kube_config
