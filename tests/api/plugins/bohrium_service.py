"""A small server that answers as Bohrium and its store are seen to be asked: accounts, tickets, job groups, objects."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BohriumService"]

ACCOUNT, TICKET, ACCESS_KEY, APP_KEY = ("me@x.org", "pass-word"), "ticket-1", "access-1", "app-1"
PAGE = 3


class BohriumService:
    """One server; a context manager.

    Attributes:
        url: where it is.
        objects: what is stored, by key.
        logins: the tokens of accounts that are taken; so are ``tokens`` those of the store.
        asked: how often each address was asked.
        groups: job groups, as they were asked for.
        away: so many requests are answered by 503.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.logins: set[str] = set()
        self.tokens: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.groups: list[dict[str, Any]] = []
        self.away = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.service = self  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    @property
    def service(self) -> BohriumService:
        return self.server.service  # type: ignore[attr-defined,no-any-return]

    def _answer(self) -> None:
        self._body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        place = urlsplit(self.path)
        service = self.service
        if service.away:
            service.away -= 1
            self._send(503, b"away")
            return
        path = unquote(place.path)
        verb = next((v for v in ("/api/download/", "/api/meta/") if path.startswith(v)), path)
        service.asked[verb] += 1
        routes = {
            "/account/login": self._login,
            "/openapi/v1/ticket/get": self._ticket,
            "/brm/v1/job_group/add": self._group,
            "/brm/v1/storage/token": self._token,
            "/api/upload/binary": self._upload,
            "/api/upload/multipart/init": self._init,
            "/api/upload/multipart/upload": self._part,
            "/api/upload/multipart/complete": self._complete,
            "/api/iterate": self._iterate,
            "/api/copy": self._copy,
            "/api/download/": self._download,
            "/api/meta/": self._meta,
        }
        if verb not in routes:
            self._send(404, b"no such place")
        elif verb.startswith("/api") and self._bearer() not in service.tokens:
            self._send(401, b"who are you?")
        elif verb.startswith("/brm") and self._bearer() not in service.logins and self.headers["Brm-Ticket"] != TICKET:
            self._say(401, "token expired")
        else:
            routes[verb]()

    def _bearer(self) -> str:
        return str(self.headers.get("Authorization", "")).removeprefix("Bearer ")

    def _send(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _say(self, code: object, message: str = "", **data: object) -> None:
        said = {"code": code, "message": message, "data": data or None}
        self._send(200, json.dumps(said).encode(), "application/json")

    def _login(self) -> None:
        given = json.loads(self._body)
        if (given["username"] or given.get("phone"), given["password"]) != ACCOUNT:
            self._say(1001, "wrong password")
            return
        token = f"login-{len(self.service.logins)}"
        self.service.logins.add(token)
        self._say(0, token=token)

    def _ticket(self) -> None:
        given = parse_qs(urlsplit(self.path).query)
        if (given["accessKey"], self.headers["x-app-key"]) != ([ACCESS_KEY], APP_KEY):
            self._say(1002, "no such key")
        else:
            self._say(0, ticket=TICKET)

    def _group(self) -> None:
        self.service.groups.append(json.loads(self._body))
        self._say("0000", groupId=76 + len(self.service.groups))

    def _token(self) -> None:
        project = parse_qs(urlsplit(self.path).query)["projectId"][0]
        token = f"store-{len(self.service.tokens)}"
        self.service.tokens.add(token)
        self._say(0, token=token, path=f"root/{project}/", sharePath="share/", userSharePath="own/")

    def _param(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(base64.b64decode(self.headers["X-Storage-Param"]))
        return found

    def _upload(self) -> None:
        self.service.objects[self._param()["path"]] = self._body
        self._say(0)

    def _init(self) -> None:
        key = f"initial-{len(self.service.uploads)}"
        self.service.uploads[key] = {}
        self._say(0, initialKey=key)

    def _part(self) -> None:
        told = self._param()
        if len(self._body) != told["partSize"]:
            self._say(1003, f"a part of {len(self._body)} bytes")
            return
        self.service.uploads[told["initialKey"]][told["number"]] = self._body
        self._say(0, partString=f"part-{told['number']}")

    def _complete(self) -> None:
        given = json.loads(self._body)
        parts = self.service.uploads.pop(given["initialKey"])
        if given["partString"] != [f"part-{number}" for number in sorted(parts)]:
            self._say(1004, "parts are missing")
            return
        self.service.objects[given["path"]] = b"".join(parts[number] for number in sorted(parts))
        self._say(0)

    def _iterate(self) -> None:
        given = json.loads(self._body)
        prefix = given["prefix"]
        found = sorted(key for key in self.service.objects if key.startswith(prefix))
        if not given.get("recursive"):
            ends = [key.find("/", len(prefix)) for key in found]
            found = sorted({key if end < 0 else key[: end + 1] for key, end in zip(found, ends, strict=True)})
        start = int(given.get("nextToken") or 0)
        page, rest = found[start : start + PAGE], found[start + PAGE :]
        self._say(0, objects=[{"path": key} for key in page], hasNext=bool(rest), nextToken=str(start + PAGE))

    def _copy(self) -> None:
        given = json.loads(self._body)
        if given["sourcePath"] not in self.service.objects:
            self._send(404, b"no such object")
            return
        self.service.objects[given["destinationPath"]] = self.service.objects[given["sourcePath"]]
        self._say(0)

    def _download(self) -> None:
        body = self.service.objects.get(self._key("/api/download/"))
        self._send(*((404, b"no such object") if body is None else (200, body)))

    def _meta(self) -> None:
        body = self.service.objects.get(self._key("/api/meta/"))
        if body is None:
            self._send(404, b"no such object")
        else:
            self._say(0, entityTag=hashlib.md5(body).hexdigest(), size=len(body))  # noqa: S324 - what stores give

    def _key(self, start: str) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(start)
