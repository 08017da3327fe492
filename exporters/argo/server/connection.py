"""One connection to an Argo server, through its SDK: headers, time limits, repetitions, JSON."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from dflow.engine.errors import ConfigError, MissingExtra
from dflow.exporters.argo.server.errors import ServerUnavailable
from dflow.exporters.argo.server.failures import TRANSIENT, Place, failure_of, not_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Connection", "Limits", "place_of"]

_SHORT_SECRET = 6
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, and how often to try.

    Attributes:
        connect, read: seconds for a connection, and for each part of an answer.
        attempts: how often a request that may be repeated is sent.
        pause: seconds before the second attempt; doubled each time, up to ``longest``.
    """

    connect: float = 10.0
    read: float = 60.0
    attempts: int = 5
    pause: float = 0.3
    longest: float = 10.0


class Connection:
    """Sends requests, and reads the answers."""

    def __init__(
        self,
        place: Place,
        *,
        token: str | None,
        headers: Mapping[str, str],
        verify: bool | str,
        limits: Limits,
    ) -> None:
        self.place = place
        self.limits = limits
        self._token = token
        self._headers = dict(headers)
        self._verify = verify
        if isinstance(verify, str) and not Path(verify).is_file():
            raise ConfigError(
                f"there is no file {verify!r}, which should hold the certificate of an authority; see config['verify'] "
                "(DFLOW_VERIFY)"
            )
        self._services: dict[str, Any] = {}

    def service(self, name: str) -> Any:
        """A service of the SDK: ``workflow``, ``archived_workflow``, ``artifact`` or ``info``."""
        if not self._services:
            self._services = _services(self._client())
        return self._services[name]

    def ask(self, what: str, send: Callable[[Mapping[str, Any]], Any], *, safe: bool) -> dict[str, Any]:
        """Send a request; the object that is its answer.

        Args:
            what: what is asked, for messages: ``get workflow 'a'``.
            safe: it may be sent again when it is not known whether it arrived.

        Raises:
            ServerError: it was not answered, or with an error.
        """
        body, status = self.read(what, send, safe=safe)
        try:
            found = json.loads(body)
        except ValueError:
            raise not_json(body, what, self.place, status) from None
        if not isinstance(found, dict):
            raise not_json(body, what, self.place, status)
        return found

    def read(self, what: str, send: Callable[[Mapping[str, Any]], Any], *, safe: bool) -> tuple[bytes, int]:
        """Send a request; the bytes of the answer, and its status.

        Raises:
            ServerError: as of ``ask``.
        """

        def whole() -> tuple[bytes, int]:
            response = send(self._options(self.limits.read))
            return bytes(response.data), int(response.status)

        for attempt in range(1, self.limits.attempts):
            answer = self._unless_transient(what, whole, attempt, safe=safe)
            if answer is not None:
                return answer
        return self._mapped(what, whole)

    def _unless_transient(
        self, what: str, whole: Callable[[], tuple[bytes, int]], attempt: int, *, safe: bool
    ) -> tuple[bytes, int] | None:
        """An answer; None, after a pause, when the request may be sent again."""
        try:
            return self._mapped(what, whole)
        except ServerUnavailable as error:
            if error.sent and not (safe and (error.status is None or error.status in TRANSIENT)):
                raise
            self._pause(attempt, error.wait)
            return None

    def stream(self, what: str, send: Callable[[Mapping[str, Any]], Any], *, endless: bool) -> Iterator[bytes]:
        """The lines of an answer as they come; ``endless`` waits for as long as it takes."""
        response = self._mapped(what, lambda: send(self._options(None if endless else self.limits.read)))
        pieces = response.stream(65536)
        rest = b""
        try:
            while (piece := self._mapped(what, lambda: next(pieces, None))) is not None:
                *lines, rest = (rest + piece).split(b"\n")
                yield from lines
            if rest:
                yield rest
        finally:
            response.close()
            response.release_conn()

    def _mapped(self, what: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Exception as exc:
            error = failure_of(exc, what, self.place)
            if error is None:
                raise
            shows = any(secret in f"{exc}" for secret in self.place.secrets)
            raise error from (None if shows else exc)

    def _options(self, read: float | None) -> dict[str, Any]:
        """For every call: the answer is read here, because the SDK's models refuse answers that servers give."""
        return {
            "_preload_content": False,
            "_check_return_type": False,
            "_request_timeout": (self.limits.connect, read),
        }

    def _pause(self, attempt: int, wanted: float | None) -> None:
        pause = min(self.limits.pause * 2.0 ** (attempt - 1), self.limits.longest)
        time.sleep(min(wanted, 30.0) if wanted is not None else pause * random.uniform(0.7, 1.3))  # noqa: S311

    def _client(self) -> Any:
        try:
            import argo_workflows  # noqa: PLC0415 - loaded when it is used
        except ImportError as exc:
            raise MissingExtra(f"the SDK of Argo is needed ({exc}); pip install 'argo-workflows>=6.5'") from exc
        settings = argo_workflows.Configuration(host=self.place.host)
        settings.retries = False  # it is here that requests are repeated, and redirections are not followed
        settings.verify_ssl = self._verify is not False
        if isinstance(self._verify, str):
            settings.ssl_ca_cert = self._verify
        if self._token:
            kind = "" if self._token.startswith(("Bearer ", "Basic ")) else "Bearer "
            settings.api_key["BearerToken"] = kind + self._token
        settings.proxy = _proxy(self.place.host)
        if self._verify is False:  # it was asked for: one warning for each request says nothing new
            import urllib3  # noqa: PLC0415

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        client = argo_workflows.ApiClient(settings)
        for name, value in self._headers.items():
            client.set_default_header(name, value)
        return client


def place_of(host: str, namespace: str, token: str | None, headers: Mapping[str, str]) -> Place:
    """A checked address.

    Raises:
        ConfigError: it is none.
    """
    parts = urlsplit(host.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = host.rpartition("@")[2]
        raise ConfigError(f"the host {shown!r} must begin with http:// or https://; see config['host'] (DFLOW_HOST)")
    if parts.username or parts.password:
        raise ConfigError(
            f"the address of {parts.hostname} must not hold a password; use config['token'] (DFLOW_TOKEN) or "
            "config['http_headers'] (DFLOW_HTTP_HEADERS)"
        )
    clean = host.strip().rstrip("/")
    values = [token or "", (token or "").partition(" ")[2], *headers.values()]
    secrets = tuple(value for value in values if len(value) >= _SHORT_SECRET)
    sends_token = bool(token) or "authorization" in (name.lower() for name in headers)
    return Place(clean, namespace, sends_token, secrets)


def _services(client: Any) -> dict[str, Any]:
    from argo_workflows.api.archived_workflow_service_api import ArchivedWorkflowServiceApi  # noqa: PLC0415
    from argo_workflows.api.artifact_service_api import ArtifactServiceApi  # noqa: PLC0415
    from argo_workflows.api.info_service_api import InfoServiceApi  # noqa: PLC0415
    from argo_workflows.api.workflow_service_api import WorkflowServiceApi  # noqa: PLC0415

    return {
        "workflow": WorkflowServiceApi(client),
        "archived_workflow": ArchivedWorkflowServiceApi(client),
        "artifact": ArtifactServiceApi(client),
        "info": InfoServiceApi(client),
    }


def _proxy(host: str) -> str | None:
    """The proxy that the environment names for a host."""
    parts = urlsplit(host)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
