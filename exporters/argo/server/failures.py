"""From what the SDK and urllib3 raise, and from answers that are none, to errors that say what to do."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["TRANSIENT", "Place", "failure_of", "not_json"]

TRANSIENT = frozenset({429, 502, 503, 504})
"""Answers after which the same request may succeed."""
_LONGEST = 400
_TITLE = re.compile(r"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_HTML = re.compile(r"\s*(<!doctype html|<html|<head|<body)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        host: the address, without a password.
        namespace: of the workflows.
        has_token: whether a token is sent.
        secrets: texts that no message may hold.
    """

    host: str
    namespace: str
    has_token: bool
    secrets: Collection[str] = ()

    def clean(self, text: str) -> str:
        """A text without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def failure_of(exc: Exception, what: str, place: Place) -> ServerError | None:
    """The error for an exception of the SDK or of urllib3; None for one that is neither.

    Args:
        what: what was asked, such as ``get workflow 'a'``.
    """
    from argo_workflows.exceptions import ApiException  # noqa: PLC0415 - the SDK is loaded when it is used
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    inner = exc.__context__
    if isinstance(exc, (AttributeError, UnicodeDecodeError)) and isinstance(inner, ApiException):
        exc = inner  # the SDK stumbles over an answer without a body, and over one that is no UTF-8
    if isinstance(exc, ApiException):
        if not exc.status:
            return _tls(str(exc.reason), what, place)
        text = exc.body.decode(errors="replace") if isinstance(exc.body, bytes) else str(exc.body or "")
        headers = {str(k).lower(): str(v) for k, v in dict(exc.headers or {}).items()}
        return _status(int(exc.status), text, headers, what, place)
    if isinstance(exc, (HTTPError, OSError)):
        return _connection(exc, what, place)
    return None


def not_json(body: bytes, what: str, place: Place, status: int | None = None) -> ServerError:
    """The error for an answer that should have been JSON."""
    text = body[:4000].decode(errors="replace")
    title = _TITLE.search(text)
    if _HTML.match(text):
        found = f"a web page{f' ({title[1]!r})' if title else ''}"
        hint = "a login page or a proxy in between?"
    else:
        found, hint = (f"{text[:80]!r}" if text.strip() else "nothing"), "is it the address of an Argo server?"
    return NotAnArgoServer(
        place.clean(
            f"cannot {what}: {place.host} answered with {found}, not with JSON; {hint} See config['host'] (DFLOW_HOST) "
            "and config['http_headers']"
        ),
        status=status,
    )


def _status(status: int, text: str, headers: Mapping[str, str], what: str, place: Place) -> ServerError:
    said = _message(text)
    if 300 <= status < 400:
        target = headers.get("location", "another address")
        return NotAnArgoServer(
            place.clean(
                f"cannot {what}: {place.host} sends us to {target}; if that is a login page, set config['token'] "
                "(DFLOW_TOKEN); else set config['host'] to the server's own address"
            ),
            status=status,
        )
    if "HTTP request to an HTTPS server" in text:
        return UntrustedServer(
            f"cannot {what}: {place.host} speaks TLS; let config['host'] (DFLOW_HOST) begin with https://",
            status=status,
        )
    if said is None and status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return not_json(text.encode(), what, place, status)
    kind, hint = _meaning(status, place)
    reason = _cut(said if said is not None else _title_or_start(text))
    message = f"cannot {what}: {place.host} answered {_named(status)}{f', {reason!r}' if reason else ''}{hint}"
    if kind is ServerUnavailable:
        return ServerUnavailable(place.clean(message), status=status, wait=_seconds(headers.get("retry-after")))
    return kind(place.clean(message), status=status)


def _meaning(status: int, place: Place) -> tuple[type[ServerError], str]:
    """The class of an answer, and what can be done."""
    match status:
        case HTTPStatus.UNAUTHORIZED:
            sent = "the token is wrong or has expired" if place.has_token else "no token was sent"
            return AccessDenied, f"; {sent}: set config['token'] (DFLOW_TOKEN), which `argo auth token` prints"
        case HTTPStatus.FORBIDDEN:
            return AccessDenied, (
                f"; the token's account may not do that in namespace {place.namespace!r}: ask for a role, or set "
                "config['namespace'] (DFLOW_NAMESPACE)"
            )
        case HTTPStatus.NOT_FOUND:
            return WorkflowNotFound, (
                f"; looked for in namespace {place.namespace!r}; it may have been deleted, or the token may not see it"
            )
        case HTTPStatus.CONFLICT:
            return ServerConflict, "; choose another name, or look again: it may have been changed meanwhile"
    if status in TRANSIENT or status >= 500:
        return ServerUnavailable, "; if that lasts, its administrator should look at the log of the server"
    return RequestRefused, ""


def _connection(exc: Exception, what: str, place: Place) -> ServerError:
    from urllib3 import exceptions as errors  # noqa: PLC0415

    if isinstance(exc, errors.MaxRetryError) and exc.reason is not None:
        return _connection(exc.reason, what, place)
    if isinstance(exc, errors.SSLError):
        return _tls(str(exc), what, place)
    if isinstance(exc, (errors.LocationParseError, errors.LocationValueError)):
        return ServerError(f"cannot {what}: {place.host} is no address; set config['host'] (DFLOW_HOST)")
    sent, why = _story(exc, place.host)
    hint = "" if sent else "; is the server running, and the port forwarded? See config['host'] (DFLOW_HOST)"
    return ServerUnavailable(place.clean(f"cannot {what}: {why}{hint}"), sent=sent)


def _story(exc: Exception, host: str) -> tuple[bool, str]:
    """Whether a request may have reached the server, and what happened to it."""
    from urllib3 import exceptions as errors  # noqa: PLC0415

    match exc:
        case errors.ProxyError():
            return False, f"no connection to {host} through the proxy of HTTPS_PROXY or HTTP_PROXY ({_cut(str(exc))})"
        case errors.NewConnectionError():
            return False, f"no connection to {host} ({str(exc).rpartition(': ')[2] or exc})"
        case errors.ConnectTimeoutError():
            return False, f"no connection to {host} in time"
        case errors.ReadTimeoutError() | TimeoutError():
            return True, f"{host} did not answer in time"
    return True, f"the connection to {host} was cut ({_cut(str(exc.args[0] if exc.args else exc))})"


def _tls(reason: str, what: str, place: Place) -> UntrustedServer:
    """A handshake that failed, by what OpenSSL says of it."""
    flat = " ".join(reason.split())
    if "WRONG_VERSION_NUMBER" in flat or "wrong version number" in flat or "record layer failure" in flat.lower():
        hint = f"{place.host} speaks no TLS; let config['host'] (DFLOW_HOST) begin with http://"
    elif "Hostname mismatch" in flat or "IP address mismatch" in flat:
        hint = f"the certificate of {place.host} is for another name; use that name in config['host'] (DFLOW_HOST)"
    elif "CERTIFICATE_VERIFY_FAILED" in flat:
        hint = (
            f"the certificate of {place.host} is not signed by anybody known here; set config['verify'] (DFLOW_VERIFY) "
            "to the file of its certificate authority, or to False to trust whoever answers (a forwarded port)"
        )
    else:
        hint = f"no safe connection to {place.host} ({_cut(flat)})"
    return UntrustedServer(place.clean(f"cannot {what}: {hint}"))


def _message(text: str) -> str | None:
    """What an Argo server says in an error; None when it is not one that spoke."""
    try:
        data: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    error = data.get("error")
    inner: dict[str, Any] = error if isinstance(error, dict) else data
    said = inner.get("message") or inner.get("error") or data.get("message")
    return str(said) if said else ""


def _title_or_start(text: str) -> str:
    title = _TITLE.search(text)
    return title[1] if title else " ".join(text.split())


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdecimal() else None
