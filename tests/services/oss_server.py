"""As much of Alibaba Cloud OSS as ``ossfs`` needs, in memory: objects, parts, copies, listings. It checks no keys."""

from __future__ import annotations

import hashlib
import itertools
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from typing import Self

__all__ = ["OSSTestServer"]

MOST_AT_ONCE = 100


class OSSTestServer:
    """Serves one bucket while its ``with`` block runs.

    Attributes:
        objects: what is stored, by key.
        requests: method and path of each.
    """

    def __init__(self, bucket: str = "bucket") -> None:
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.requests: list[tuple[str, str]] = []
        self.numbers = itertools.count(1)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": self}))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    store: OSSTestServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        parts = urlsplit(self.path, allow_fragments=False)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        data = self._body()
        self.store.requests.append((self.command, self.path))
        if bucket != self.store.bucket:
            self._refuse(404, "NoSuchBucket")
        elif not key:
            self._list(query)
        else:
            getattr(self, f"_{self.command.lower()}")(key, query, data)

    do_GET = do_HEAD = do_PUT = do_POST = _handle  # noqa: N815 - the names that the library calls

    def _body(self) -> bytes:
        """All that was sent, so that the next request on the connection begins where it does."""
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return data

    def _head(self, key: str, query: dict[str, str], data: bytes) -> None:
        self._get(key, query, data)

    def _get(self, key: str, query: dict[str, str], data: bytes) -> None:
        found = self.store.objects.get(key)
        if found is None:
            self._refuse(404, "NoSuchKey")
            return
        wanted = self.headers.get("Range")
        if wanted and found:
            first, _, last = wanted.partition("=")[2].partition("-")
            begin, end = int(first), min(int(last) + 1 if last else len(found), len(found))
            span = {"Content-Range": f"bytes {begin}-{end - 1}/{len(found)}"}
            self._answer(206, found[begin:end], **_about(found), **span)
        else:
            self._answer(200, found, **_about(found))

    def _put(self, key: str, query: dict[str, str], data: bytes) -> None:
        source = self.headers.get("x-oss-copy-source")
        if source is not None:
            data = self.store.objects.get(unquote(source).lstrip("/").partition("/")[2])
            if data is None:
                self._refuse(404, "NoSuchKey")
                return
        if "uploadId" in query:
            self.store.uploads[query["uploadId"]][int(query["partNumber"])] = data
        else:
            self.store.objects[key] = data
        etag = _about(data)["ETag"]
        made = "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        body = f"<CopyObjectResult>{made}<ETag>{escape(etag)}</ETag></CopyObjectResult>"
        self._answer(200, body.encode() if source else b"", ETag=etag)

    def _post(self, key: str, query: dict[str, str], data: bytes) -> None:
        where = f"<Bucket>{self.store.bucket}</Bucket><Key>{quote(key)}</Key><EncodingType>url</EncodingType>"
        if "uploads" in query:
            upload = str(next(self.store.numbers))
            self.store.uploads[upload] = {}
            text = (
                f"<InitiateMultipartUploadResult>{where}<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
        else:
            parts = self.store.uploads.pop(query["uploadId"])
            self.store.objects[key] = b"".join(parts[number] for number in sorted(parts))
            text = f"<CompleteMultipartUploadResult>{where}<ETag>x</ETag></CompleteMultipartUploadResult>"
        self._answer(200, text.encode(), ETag='"many-2"')

    def _list(self, query: dict[str, str]) -> None:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        marker = query.get("marker") or query.get("continuation-token") or ""
        limit = int(query.get("max-keys") or MOST_AT_ONCE)
        names: dict[str, bytes | None] = {}
        for key, data in sorted(self.store.objects.items()):
            rest = key[len(prefix) :]
            if key.startswith(prefix):
                common = bool(delimiter) and delimiter in rest
                name = prefix + rest.partition(delimiter)[0] + delimiter if common else key
                names.setdefault(name, None if common else data)
        after = [name for name in names if name > marker]
        shown, more = after[:limit], len(after) > limit
        keys = "".join(_listed(name, data) for name in shown if (data := names[name]) is not None)
        folders = "".join(
            f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in shown if names[name] is None
        )
        following = quote(shown[-1]) if more else ""
        self._answer(
            200,
            f"<ListBucketResult><Name>{self.store.bucket}</Name><Prefix>{quote(prefix)}</Prefix>"
            f"<Marker>{quote(marker)}</Marker><MaxKeys>{limit}</MaxKeys><Delimiter>{quote(delimiter)}</Delimiter>"
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"<NextMarker>{following}</NextMarker><NextContinuationToken>{following}</NextContinuationToken>"
            f"{keys}{folders}</ListBucketResult>".encode(),
        )

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "x-oss-request-id": "1", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


def _about(data: bytes) -> dict[str, str]:
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest().upper()
    return {"ETag": f'"{digest}"', "x_oss_object_type": "Normal", "Last_Modified": formatdate(0, usegmt=True)}


def _listed(key: str, data: bytes) -> str:
    return (
        f"<Contents><Key>{quote(key)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>{escape(_about(data)['ETag'])}</ETag><Type>Normal</Type><Size>{len(data)}</Size>"
        f"<StorageClass>Standard</StorageClass></Contents>"
    )
