"""What can go wrong between here and an Argo server.

::

    DflowError
    └── ServerError               the server did not do what it was asked
        ├── AccessDenied          401 or 403: no token, a wrong one, or one that may not do this
        ├── WorkflowNotFound      404 (also a RunNotFound)
        ├── ServerConflict        409: a workflow of that name is there already
        ├── RequestRefused        400 and the like: the server says what is wrong with the request
        ├── ServerUnavailable     429, 5xx, no connection, no answer in time
        ├── UntrustedServer       TLS: the certificate cannot be verified, or one side speaks no TLS
        └── NotAnArgoServer       the answer is no JSON: a login page, a proxy, another program

Messages name the host and what was asked; never the token.
"""

from __future__ import annotations

from dflow.engine.errors import DflowError, RunNotFound

__all__ = [
    "AccessDenied",
    "NotAnArgoServer",
    "RequestRefused",
    "ServerConflict",
    "ServerError",
    "ServerUnavailable",
    "UntrustedServer",
    "WorkflowNotFound",
]


class ServerError(DflowError):
    """The Argo server did not do what it was asked.

    Attributes:
        status: the HTTP status; None when there was no answer.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class AccessDenied(ServerError):
    """The server does not accept the token, or the token may not do this."""


class WorkflowNotFound(ServerError, RunNotFound):
    """The server knows no such workflow."""


class ServerConflict(ServerError):
    """Something of that name is there already, or was changed meanwhile."""


class RequestRefused(ServerError):
    """The server understood the request and says what is wrong with it."""


class ServerUnavailable(ServerError):
    """There was no answer, or one that says that the server cannot work now.

    Attributes:
        sent: whether the request may have reached the server.
        wait: how many seconds the server asked to wait before the next request; None when it did not.
    """

    says_cause = True

    def __init__(
        self, message: str, *, status: int | None = None, sent: bool = True, wait: float | None = None
    ) -> None:
        self.sent = sent
        self.wait = wait
        super().__init__(message, status=status)


class UntrustedServer(ServerError):
    """No safe connection could be made."""


class NotAnArgoServer(ServerError):
    """What answered does not speak the language of an Argo server."""
