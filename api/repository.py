"""The artifact repository of a cluster: what Argo keeps of it in a ConfigMap."""

from __future__ import annotations

from typing import Any, Dict

from dflow.config import config, s3_config
from dflow.engine.errors import ConfigError
from dflow.tracebacks import called_by_users

__all__ = ["parse_repo"]

_MAP = "artifact-repositories"
_KINDS = ("s3", "oss")


@called_by_users
def parse_repo(repo_key: str | None = None, namespace: str | None = None, **kwargs: Any) -> None:
    """Ask the cluster for an artifact repository, and set ``repo``, ``repo_type`` and ``repo_prefix`` of ``s3_config``.

    Args:
        repo_key: of the ConfigMap ``artifact-repositories``; ``s3_config["repo_key"]`` unless given. With neither
            nothing is done.
        namespace: where that is; ``config["namespace"]`` unless given.
        kwargs: of :func:`dflow.op_template.get_k8s_client`: which cluster.

    Raises:
        ConfigError: the cluster does not answer, or has no such repository, or one of another kind.
        MissingExtra: the package kubernetes is not installed.
    """
    key = repo_key or s3_config["repo_key"]
    if not key:
        return
    where = namespace or config["namespace"]
    repo = _repository(_texts(str(where), kwargs), str(key), str(where))
    kind = next((kind for kind in _KINDS if isinstance(repo.get(kind), dict)), None)
    if kind is None:
        raise ConfigError(
            f"the artifact repository {key!r} is none of the kinds {' and '.join(_KINDS)}: {sorted(repo)}"
        )
    prefix = str(repo[kind].get("keyFormat") or "").partition("{{")[0]
    s3_config.update({"repo": repo, "repo_type": kind, "repo_prefix": prefix})


def _texts(namespace: str, given: Dict[str, Any]) -> Dict[str, str]:
    """What is in the ConfigMap."""
    from dflow.k8s import core_v1_api

    api = core_v1_api(*(given.get(name) for name in ("k8s_api_server", "token", "k8s_config_file")))
    try:
        found = api.read_namespaced_config_map(_MAP, namespace)
    except Exception as exc:
        why = getattr(exc, "reason", None) or exc
        raise ConfigError(f"the ConfigMap {_MAP!r} of the namespace {namespace!r} cannot be read: {why}") from exc
    return dict(found.data or {})


def _repository(texts: Dict[str, str], key: str, namespace: str) -> Dict[str, Any]:
    import yaml

    if key not in texts:
        known = ", ".join(sorted(texts)) or "none"
        raise ConfigError(f"the namespace {namespace!r} has no artifact repository {key!r}; it has: {known}")
    try:
        repo = yaml.safe_load(texts[key])
    except yaml.YAMLError as exc:
        raise ConfigError(f"the artifact repository {key!r} is no YAML: {exc}") from exc
    if not isinstance(repo, dict):
        raise ConfigError(f"the artifact repository {key!r} is no mapping, but {repo!r}")
    return repo
