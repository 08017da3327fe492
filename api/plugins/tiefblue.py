"""Tiefblue, the object store of Bohrium, over HTTP.

The requests are those that upstream sends with the vendor's package, which this does not need. They are not tried
against the service.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from typing import IO, TYPE_CHECKING, Any, Dict, Iterator, List, Mapping

from dflow.engine.errors import ObjectNotFound
from dflow.plugins.bohrium_account import BohriumError, ask, asked, config, project_of, send
from dflow.storage.client import StorageClient

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["TiefblueClient"]

_PART = 50 << 20
_PAGE = 50
_MISSING = 404
_OPTIONS = (
    "bohrium_url",
    "username",
    "phone",
    "password",
    "authorization",
    "project_id",
    "tiefblue_url",
    "ticket",
    "access_key",
    "openapi_url",
    "app_key",
)


class TiefblueClient(StorageClient):
    """The storage of a project of Bohrium.

    What is not given is taken from :data:`dflow.plugins.bohrium.config`. It logs in when it is first used.

    Args:
        bohrium_url, username, phone, password, authorization, project_id, ticket, access_key, openapi_url, app_key: the
            account.
        tiefblue_url: the store.
        token: of the store; asked for unless given.
        prefix, sharePath, userSharePath: what the store told with that token.
    """

    def __init__(
        self,
        bohrium_url: str | None = None,
        username: str | None = None,
        phone: str | None = None,
        password: str | None = None,
        authorization: str | None = None,
        project_id: Any = None,
        token: str | None = None,
        prefix: str | None = None,
        sharePath: str | None = None,  # noqa: N803 - upstream's name
        userSharePath: str | None = None,  # noqa: N803 - upstream's name
        tiefblue_url: str | None = None,
        ticket: str | None = None,
        access_key: str | None = None,
        openapi_url: str | None = None,
        app_key: str | None = None,
    ) -> None:
        given = dict(locals())
        self._account: Dict[str, Any] = {
            name: config[name] if given[name] is None else given[name] for name in _OPTIONS
        }
        self._told = {"token": token, "prefix": prefix, "sharePath": sharePath, "userSharePath": userSharePath}

    def __getattr__(self, name: str) -> Any:
        if name in _OPTIONS:
            return self._account[name]
        if name in ("token", "prefix", "sharePath", "userSharePath"):
            if self._told["token"] is None:
                self.get_token()
            return self._told[name]
        raise AttributeError(name)

    def __str__(self) -> str:
        return f"the store of project {self._account['project_id']} at {self._account['tiefblue_url']}"

    def to_dict(self) -> Dict[str, Any]:
        """What it is made from, without secrets."""
        return {
            name: self._account[name] for name in ("bohrium_url", "tiefblue_url", "username", "phone", "project_id")
        }

    def get_token(self, retry: int = 1) -> None:
        """Ask for a token of the store; ``retry`` times again where that fails."""
        url = f"{self._account['bohrium_url'].rstrip('/')}/brm/v1/storage/token?projectId={project_of(self._account)}"
        for left in range(retry, -1, -1):
            try:
                found = asked("GET", url, "get a token of the store", self._account)
                break
            except BohriumError:
                if not left:
                    raise
        if not found.get("token"):
            raise BohriumError(f"the answer of {url.partition('?')[0]} has no 'token': {sorted(found)}")
        self._told = {name: found.get("path" if name == "prefix" else name) for name in self._told}

    # -- the store -----------------------------------------------------------------------------------------

    def upload(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.upload`; more than 50 MiB in parts."""
        size, what = os.path.getsize(path), f"upload {path} as {key!r}"
        name = os.path.basename(path).replace("\\", "_").replace('"', "_")
        option = {"contentDisposition": f'attachment; filename="{name}"'}
        with open(path, "rb") as stream:
            if size <= _PART:
                self._put("/api/upload/binary", {"path": key, "option": option}, stream, size, what)
                return
            start = self._ask("/api/upload/multipart/init", {"path": key, "option": option}, what)
            parts = []
            for number in range(1, -(-size // _PART) + 1):
                length = min(_PART, size - (number - 1) * _PART)
                told = {"initialKey": start.get("initialKey"), "number": number, "partSize": length, "objectKey": key}
                done = self._put("/api/upload/multipart/upload", told, stream, length, f"{what} (part {number})")
                parts.append(done.get("partString"))
        told = {"path": key, "initialKey": start.get("initialKey"), "partString": parts}
        self._ask("/api/upload/multipart/complete", told, what)

    def download(self, key: str, path: str) -> None:
        """As :meth:`StorageClient.download`."""
        folder = os.path.dirname(os.path.abspath(path))
        os.makedirs(folder, exist_ok=True)
        with self._open("GET", f"/api/download/{_quoted(key)}", f"download {key!r}", key) as answer:
            handle, partial = tempfile.mkstemp(prefix=".dflow-", dir=folder)
            try:
                with os.fdopen(handle, "wb") as stream:
                    _receive(answer, stream, f"download {key!r}")
                os.replace(partial, path)
            except BaseException:
                os.unlink(partial)
                raise

    def list(self, prefix: str, recursive: bool = False) -> List[str]:
        """As :meth:`StorageClient.list`."""
        return sorted(self._listed(prefix, recursive=recursive))

    def _listed(self, prefix: str, *, recursive: bool) -> Iterator[str]:
        told: Dict[str, Any] = {"prefix": prefix, "maxObjects": _PAGE}
        if recursive:
            told["recursive"] = True
        while True:
            page = self._ask("/api/iterate", told, f"list {prefix!r}")
            yield from (str(entry["path"]) for entry in page.get("objects") or ())
            if not page.get("hasNext"):
                return
            told["nextToken"] = page.get("nextToken")

    def copy(self, src: str, dst: str) -> None:
        """As :meth:`StorageClient.copy`."""
        self._ask("/api/copy", {"sourcePath": src, "destinationPath": dst}, f"copy {src!r} to {dst!r}", src)

    def get_md5(self, key: str) -> str:
        """As :meth:`StorageClient.get_md5`."""
        with self._open("GET", f"/api/meta/{_quoted(key)}", f"get the MD5 sum of {key!r}", key) as answer:
            found = json.loads(answer.read().decode("utf-8")).get("data") or {}
        return str(found.get("entityTag") or "").strip('"')

    # -- requests ------------------------------------------------------------------------------------------

    def _ask(self, place: str, told: Mapping[str, Any], what: str, key: str | None = None) -> Dict[str, Any]:
        """Send JSON to the store, with a new token where the old one is not taken any more."""
        url = self._account["tiefblue_url"].rstrip("/") + place

        def once() -> Dict[str, Any]:
            return ask("POST", url, what, told, {"Authorization": f"Bearer {self.token}"})

        return self._with_token(once, key)  # type: ignore[no-any-return]

    def _put(self, place: str, told: Mapping[str, Any], stream: IO[bytes], length: int, what: str) -> Dict[str, Any]:
        """Send bytes of a file to the store."""
        param = base64.b64encode(json.dumps(told).encode()).decode()
        headers = {"X-Storage-Param": param, "Content-Length": str(length), "Content-Type": "application/octet-stream"}
        start = stream.tell()

        def once() -> Dict[str, Any]:
            stream.seek(start)
            with self._request("POST", place, headers, what, _Part(stream, length)) as answer:
                read = json.loads(answer.read().decode("utf-8") or "{}")
            if read.get("code") not in (0, "0", "0000", None):
                raise BohriumError(f"{what}: {read.get('message') or read}", read["code"] if read["code"] == 401 else 0)
            return read.get("data") or {}

        found = self._with_token(once, None)
        stream.seek(start + length)
        return found  # type: ignore[no-any-return]

    def _open(self, method: str, place: str, what: str, key: str) -> HTTPResponse:
        return self._with_token(lambda: self._request(method, place, {}, what), key)  # type: ignore[no-any-return]

    def _request(self, method: str, place: str, headers: Mapping[str, str], what: str, data: Any = None) -> Any:
        import urllib.request

        url = self._account["tiefblue_url"].rstrip("/") + place
        whole = {"Authorization": f"Bearer {self.token}", **headers}
        return send(urllib.request.Request(url, data, whole, method=method), what)  # noqa: S310 - checked there

    def _with_token(self, once: Any, key: str | None) -> Any:
        try:
            try:
                return once()
            except BohriumError as exc:
                if not exc.is_refused:
                    raise
                self.get_token()
                return once()
        except BohriumError as exc:
            if exc.status == _MISSING and key is not None:
                raise ObjectNotFound(f"{self} has no {key!r}") from exc
            raise


class _Part:
    """Some bytes of a file, to be read; from their begin again when a request is sent again."""

    def __init__(self, stream: IO[bytes], length: int) -> None:
        self._stream, self._length, self._start = stream, length, stream.tell()

    def __iter__(self) -> Iterator[bytes]:
        self._stream.seek(self._start)
        left = self._length
        while left:
            piece = self._stream.read(min(left, 1 << 20))
            if not piece:
                raise BohriumError("the file became shorter while it was uploaded")
            left -= len(piece)
            yield piece


def _receive(answer: HTTPResponse, stream: IO[bytes], what: str) -> None:
    """Write a body to a file; a server that hangs up early is an error."""
    shutil.copyfileobj(answer, stream, 1 << 20)
    if answer.length:
        raise BohriumError(f"{what}: the connection broke, {answer.length} bytes are missing")


def _quoted(key: str) -> str:
    from urllib.parse import quote

    return quote(key)
