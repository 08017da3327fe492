"""A workflow's life on an Argo server: sent there, watched, ended."""

from __future__ import annotations

from dflow.exporters.argo.server.answers import LogLine
from dflow.exporters.argo.server.client import ArgoServer
from dflow.exporters.argo.server.errors import (
    AccessDenied,
    NotAnArgoServer,
    RequestRefused,
    ServerConflict,
    ServerError,
    ServerUnavailable,
    UntrustedServer,
    WorkflowNotFound,
)

__all__ = [
    "AccessDenied",
    "ArgoServer",
    "LogLine",
    "NotAnArgoServer",
    "RequestRefused",
    "ServerConflict",
    "ServerError",
    "ServerUnavailable",
    "UntrustedServer",
    "WorkflowNotFound",
]
