"""An account of Bohrium: its settings, and the requests that need them.

The addresses and fields of the requests are those that upstream sends. They are not tried against the service.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any, Dict, Mapping

from dflow.engine.errors import ConfigError, StorageError

__all__ = [
    "BohriumError",
    "ask",
    "asked",
    "config",
    "create_job_group",
    "field",
    "headers_of",
    "login",
    "project_of",
    "send",
    "ticket_of",
    "update_headers",
]

_DEFAULTS: Dict[str, Any] = {
    "bohrium_url": "https://bohrium.dp.tech",
    "username": None,
    "phone": None,
    "password": None,
    "authorization": None,
    "project_id": None,
    "tiefblue_url": "https://tiefblue.dp.tech",
    "ticket": None,
    "upload_progress": False,
    "access_key": None,
    "openapi_url": "https://openapi.dp.tech",
    "app_key": None,
}
_TIMEOUT = 60.0
_WAITS = (0.2, 1.0, 3.0)
_REFUSED = (401, 403)
_OK = (0, "0", "0000", None)


class BohriumError(StorageError):
    """Bohrium refuses, or does not answer.

    Attributes:
        status: of the answer; 0 without one.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_refused(self) -> bool:
        """Whether it is about who asks."""
        return self.status in _REFUSED


def _from_environment() -> Dict[str, Any]:
    made = {name: os.environ.get(f"BOHRIUM_{name.upper()}", value) for name, value in _DEFAULTS.items()}
    if "BOHRIUM_BOHRIUM_URL" not in os.environ:
        made["bohrium_url"] = os.environ.get("BOHRIUM_URL", made["bohrium_url"])
    made["upload_progress"] = str(made["upload_progress"]).lower() in ("1", "true", "yes", "on")
    return made


config: Dict[str, Any] = _from_environment()
"""Settings, from ``BOHRIUM_<NAME>`` in the environment: ``BOHRIUM_USERNAME``, ``BOHRIUM_PROJECT_ID`` …"""


def send(request: Any, what: str) -> Any:
    """Open a request, again where the server is busy or away for a moment; the answer, to be closed.

    Raises:
        BohriumError: there is no answer, or it is no success.
    """
    import urllib.error
    import urllib.request

    if not request.full_url.startswith(("https://", "http://")):
        raise ConfigError(f"{request.full_url!r} is no address of a server: it must begin with https://")
    for wait in (*_WAITS, None):
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310 - checked above
        except urllib.error.HTTPError as exc:
            with exc:
                said = exc.read(300).decode("utf-8", "replace").strip()
            if exc.code < 500 or wait is None:
                raise BohriumError(f"{what}: {exc.code} {exc.reason} {said}".rstrip(), exc.code) from exc
        except (urllib.error.URLError, OSError) as exc:
            if wait is None:
                reason = getattr(exc, "reason", exc)
                raise BohriumError(f"{what}: no answer of {request.host}: {reason}") from exc
        time.sleep(wait)
    raise AssertionError("unreachable")


def ask(
    method: str,
    url: str,
    what: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Dict[str, Any]:
    """Send a request with JSON; the ``data`` of the answer.

    Raises:
        BohriumError: it is no success.
    """
    import urllib.request

    data = None if body is None else json.dumps(body).encode()
    given = {"Content-type": "application/json", **(headers or {})}
    with send(urllib.request.Request(url, data, given, method=method), what) as answer:  # noqa: S310 - checked there
        text = answer.read().decode("utf-8", "replace")
    try:
        read = json.loads(text)
    except ValueError as exc:
        raise BohriumError(f"{what}: the answer of {url} is no JSON: {text[:200]!r}") from exc
    if not isinstance(read, dict) or read.get("code") not in _OK:
        said = (read.get("message") or read.get("error") or read) if isinstance(read, dict) else read
        code = read.get("code") if isinstance(read, dict) else None
        raise BohriumError(f"{what}: {said}", code if code in _REFUSED else 0)
    found = read.get("data")
    return found if isinstance(found, dict) else {}


def login(
    username: str | None = None, phone: str | None = None, password: str | None = None, bohrium_url: str | None = None
) -> str:
    """Log in; the token that later requests bring. What is not given is taken from :data:`config`.

    Raises:
        ConfigError: there is no name or no password.
        BohriumError: it is refused.
    """
    if username is None and phone is None:
        username, phone = config["username"], config["phone"]
    password = config["password"] if password is None else password
    if not (username or phone) or not password:
        raise ConfigError(
            "no account of Bohrium is given: set BOHRIUM_USERNAME (or BOHRIUM_PHONE) and BOHRIUM_PASSWORD, or "
            "BOHRIUM_TICKET, or BOHRIUM_ACCESS_KEY; or dflow.plugins.bohrium.config['username'] …"
        )
    url = f"{(bohrium_url or config['bohrium_url']).rstrip('/')}/account/login"
    said = {"username": username, "phone": phone, "password": password}
    found = ask("POST", url, f"log in as {username or phone}", said)
    return str(field(found, "token", url))


def ticket_of(account: Mapping[str, Any]) -> str | None:
    """The ticket of an account, which an access key gives too; None where neither is there."""
    if account.get("ticket") is not None:
        return str(account["ticket"])
    if account.get("access_key") is None:
        return None
    from urllib.parse import quote

    url = f"{account['openapi_url'].rstrip('/')}/openapi/v1/ticket/get?accessKey={quote(str(account['access_key']))}"
    key = {} if account.get("app_key") is None else {"x-app-key": str(account["app_key"])}
    try:
        return str(field(ask("GET", url, "get a ticket for the access key", headers=key), "ticket", url))
    except BohriumError as exc:
        raise BohriumError(str(exc).replace(quote(str(account["access_key"])), "…"), exc.status) from None


def headers_of(account: Dict[str, Any], *, again: bool = False) -> Dict[str, str]:
    """What requests of an account bring; logs in where that is needed, and notes the token in ``account``.

    Args:
        again: log in though there is a token.
    """
    ticket = ticket_of(account)
    if ticket is not None:
        return {"Brm-Ticket": ticket}
    if account.get("authorization") is None or (again and account.get("password") is not None):
        account["authorization"] = login(
            account["username"], account["phone"], account["password"], account["bohrium_url"]
        )
    return {"Authorization": f"Bearer {account['authorization']}"}


def asked(method: str, url: str, what: str, account: Dict[str, Any], body: Any = None) -> Dict[str, Any]:
    """As :func:`ask`, for an account; logs in again where the token is not taken any more."""
    try:
        return ask(method, url, what, body, headers_of(account))
    except BohriumError as exc:
        if not exc.is_refused:
            raise
        return ask(method, url, what, body, headers_of(account, again=True))


def create_job_group(job_group_name: str) -> Any:
    """Make a group that jobs can be put in; its number."""
    url = f"{config['bohrium_url'].rstrip('/')}/brm/v1/job_group/add"
    said = {"name": job_group_name, "projectId": project_of(config)}
    return field(asked("POST", url, f"make the job group {job_group_name!r}", config, said), "groupId", url)


def update_headers() -> None:
    """Have requests to the workflow server bring who asks, in ``dflow.config["http_headers"]``."""
    from dflow.config import config as settings

    headers = dict(settings["http_headers"])
    found = headers_of(config)
    if "Brm-Ticket" in found:
        headers["Brm-Ticket"] = found["Brm-Ticket"]
    else:
        cookies = [part.strip() for part in str(headers.get("Cookie", "")).split(";")]
        kept = [part for part in cookies if part and not part.startswith("brmToken=")]
        headers["Cookie"] = "; ".join([*kept, f"brmToken={config['authorization']}"])
    if config["project_id"] is not None:
        headers["Bohrium-Project-ID"] = str(config["project_id"])
    settings["http_headers"] = headers


def project_of(account: Mapping[str, Any]) -> int:
    """The number of the project that pays.

    Raises:
        ConfigError: none is given, or it is no number.
    """
    try:
        return int(account["project_id"])
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"the project of Bohrium is {account['project_id']!r}: set BOHRIUM_PROJECT_ID, or "
            "dflow.plugins.bohrium.config['project_id'], to its number"
        ) from exc


def field(found: Mapping[str, Any], name: str, url: str) -> Any:
    """A field of an answer; an error where it is not there."""
    if found.get(name) is None:
        raise BohriumError(f"the answer of {url.partition('?')[0]} has no {name!r}: {sorted(found)}")
    return found[name]
