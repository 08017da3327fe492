"""Who is let in: the token, the Host, the Origin, the CSRF token, and the headers of every answer.

A page of another site can make the browser send requests to this machine, and every user of a machine can reach its
ports. So each request must name this server by a name of this machine (which a name of another site that was pointed
here does not), must not come from another site's page, and must have the token or the cookie that was given for it. One
that changes something needs the CSRF token besides, which only a page of this server can read.
"""

from __future__ import annotations

import hmac
import html
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from dflow.ui.answers import refusal
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Keys"]

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FROM_ELSEWHERE = ("cross-site", "same-site")
_STRANGER = (
    "This page needs the address that dflow ui has printed, with its ?token=…; "
    "it changes each time that dflow ui is started."
)


@dataclass(frozen=True)
class Keys:
    """The secrets of one server.

    Attributes:
        token: in the address that is printed.
        session: in the cookie.
        csrf: what requests that change something must send.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """The name of the cookie; browsers send cookies to all ports of a machine."""
        return f"dflow_ui_{self.port}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What this server may be called."""
        return tuple(f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]"))


class Guard:
    """Lets requests through to an application, or answers them itself."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        found = self._answer(scope, Headers(scope=scope))
        await (self._app if found is None else found)(scope, receive, send_with_headers)

    def _answer(self, scope: Scope, headers: Headers) -> Response | None:
        """What is answered at once; None for a request that may go on."""
        method = scope["method"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._keys.hosts:
            return _refuse(
                scope,
                403,
                f"This server is only for http://127.0.0.1:{self._keys.port}; through a tunnel, use the same port at "
                f"both ends: ssh -L {self._keys.port}:127.0.0.1:{self._keys.port}",
            )
        if method not in ("GET", "HEAD", "POST"):
            refused = _refuse(scope, 405, f"{method} is not done here")
            refused.headers["Allow"] = "GET, HEAD, POST"
            return refused
        is_visit = headers.get("sec-fetch-mode") == "navigate" and method == "GET"
        if headers.get("sec-fetch-site") in _FROM_ELSEWHERE and not is_visit:
            return _refuse(scope, 403, "This request comes from a page of another site")
        tokens = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        if not self._is_known(tokens, headers):
            return _refuse(scope, 401, _STRANGER)
        if method == "POST":
            return self._refuse_change(scope, headers, hosts[0])
        return self._welcome(scope, headers, is_given=bool(tokens))

    def _is_known(self, tokens: list[str], headers: Headers) -> bool:
        if tokens:
            return len(tokens) == 1 and _equal(tokens[0], self._keys.token)
        authorization = headers.getlist("authorization")
        if authorization:
            kind, _, token = authorization[0].partition(" ")
            return len(authorization) == 1 and kind.lower() == "bearer" and _equal(token, self._keys.token)
        pairs = (pair.strip().partition("=") for line in headers.getlist("cookie") for pair in line.split(";"))
        return any(name == self._keys.cookie and _equal(value, self._keys.session) for name, _, value in pairs)

    def _refuse_change(self, scope: Scope, headers: Headers, host: str) -> Response | None:
        origins = headers.getlist("origin")
        if origins and origins != [f"http://{host.lower()}"]:
            return _refuse(scope, 403, "This request comes from a page of another site")
        given = headers.getlist("x-csrf-token")
        if len(given) != 1 or not _equal(given[0], self._keys.csrf):
            return _refuse(scope, 403, "This request lacks the X-CSRF-Token of GET /api/session; reload the page")
        return None

    def _welcome(self, scope: Scope, headers: Headers, *, is_given: bool) -> Response | None:
        """The first visit: a cookie instead of the token, and an address without it."""
        path = str(scope["path"])
        run = path.removeprefix("/run/") if path.startswith("/run/") else None
        if run is None and not (is_given and path == "/"):
            return None
        target = "/" if run is None else f"/#/run/{quote(run.encode('utf-8', 'replace'), safe='')}"
        if headers.get("sec-fetch-site") in _FROM_ELSEWHERE:
            # The browser would not send the new cookie with a redirection that another page has begun.
            link = html.escape(target)
            found: Response = Response(
                f'<!doctype html><meta charset="utf-8"><title>dflow</title>'
                f'<meta http-equiv="refresh" content="0; url={link}"><p><a href="{link}">dflow</a></p>\n',
                media_type="text/html",
            )
        else:
            found = RedirectResponse(target, 303)
        if is_given:
            cookie = f"{self._keys.cookie}={self._keys.session}; Path=/; HttpOnly; SameSite=Strict"
            found.headers["Set-Cookie"] = cookie
        return found


def _equal(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def _refuse(scope: Scope, status: int, text: str) -> Response:
    """A refusal: a page for a person, JSON for all else."""
    headers = Headers(scope=scope)
    if scope["path"].startswith("/api/") or "text/html" not in headers.get("accept", ""):
        return refusal(status, text)
    shown = html.escape(text)
    return Response(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>dflow: {status}</title><h1>{status}</h1>'
        f"<p>{shown}</p></html>\n",
        status,
        media_type="text/html",
    )
