"""What is asked of the server, one method for each, by way of minio's client; tried again as long as that may help."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dflow.engine.records import record
from dflow.storage.retrying import Patience, Retrier
from dflow.storage.s3 import multipart
from dflow.storage.s3.connection import Connection
from dflow.storage.s3.errors import NOT_FOUND, Refused, is_transient, native

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dflow.storage.s3.multipart import Part
    from dflow.storage.s3.settings import S3Settings
    from minio import Minio
    from urllib3 import BaseHTTPResponse

__all__ = ["Calls", "Stat"]

T = TypeVar("T")
_PART_SIZE = "dflow-part-size"
_CRC = "dflow-crc32-of-parts"
_MD5 = re.compile(r"[0-9a-f]{32}")
_KEYED = ("x-amz-server-side-encryption-customer-algorithm", "x-amz-server-side-encryption-aws-kms-key-id")


@record(frozen=True, slots=True)
class Stat:
    """What the server knows of an object.

    Attributes:
        size: bytes.
        etag: without quotes; the MD5 sum of an object that was sent in one go; ``sum of sums-number`` of parts.
        part_size: bytes of each part but the last; 0 where it is not known.
        is_md5: whether the etag is made of MD5 sums, which those of some encrypted objects are not.
        crc: over the CRCs of its parts, see ``sums``; empty where it is not known.
    """

    size: int
    etag: str
    part_size: int = 0
    is_md5: bool = True
    crc: str = ""

    @property
    def md5(self) -> str:
        """The MD5 sum of all of it; empty if unknown."""
        return self.etag if self.is_md5 and _MD5.fullmatch(self.etag) else ""


class Calls:
    """Calls about one bucket; several threads may use it."""

    def __init__(self, settings: S3Settings) -> None:
        patience = Patience(settings.first_patience, settings.patience)
        self.retrier = Retrier(f"the S3 server at {settings.address().text}", is_transient, patience)
        self._connection = Connection(settings)
        self._bucket = settings.bucket
        self._has_seen_bucket = False

    def retried(self, attempt: Callable[[Minio], T], stop: threading.Event | None = None) -> T:
        """What a call returns, tried again while that may help.

        Raises:
            Refused: the server says no.
            OSError: the connection breaks, or there is none.
        """
        return self.retrier.call(lambda: self._once(attempt), stop)

    def _once(self, attempt: Callable[[Minio], T]) -> T:
        with native(self.retrier.answered):
            result = attempt(self._connection.client())
        self.retrier.answered()
        self._has_seen_bucket = True
        return result

    def close(self) -> None:
        """Close the connections that are kept."""
        self._connection.close()

    def stat(self, key: str) -> Stat:
        """Size and etag of an object."""

        def attempt(client: Minio) -> Stat:
            found = client.stat_object(self._bucket, key)
            return stat_of(found.metadata or {}, found.size or 0)

        try:
            return self.retried(attempt)
        except Refused as error:
            if error.status == 404 and self._has_seen_bucket:
                raise Refused(404, NOT_FOUND[0]) from error
        with self.get(key, 0, 1):  # an answer to HEAD cannot say why
            return self.retried(attempt)

    @contextmanager
    def get(self, key: str, begin: int, end: int, etag: str = "") -> Iterator[BaseHTTPResponse]:
        """The answer, its body not read yet, with some bytes of an object; one attempt.

        Args:
            etag: that the object must have still; empty: any.
        """
        headers: dict[str, Any] = {"If-Match": f'"{etag}"'} if etag else {}
        with native(self.retrier.answered):
            client = self._connection.client()
            answer = client.get_object(self._bucket, key, begin, end - begin, request_headers=headers)
            self.retrier.answered()
            try:
                yield answer
            except BaseException:
                answer.close()
                raise
            finally:
                answer.release_conn()

    def put(self, key: str, data: memoryview, stop: threading.Event | None = None) -> str:
        """Store bytes under a key; gives the etag."""
        return self.retried(lambda client: multipart.put_whole(client, self._bucket, key, data), stop)

    def copy(self, src: str, dst: str) -> None:
        """Store an object of at most 5 GiB under another key too."""

        def attempt(client: Minio) -> None:
            from minio.commonconfig import CopySource  # noqa: PLC0415 - takes long to load

            client.copy_object(self._bucket, dst, CopySource(self._bucket, src))

        self.retried(attempt)

    def compose(self, src: str, dst: str, stat: Stat, part_size: int) -> None:
        """Store a large object under another key too, from parts of it."""

        def attempt(client: Minio) -> None:
            from minio.commonconfig import ComposeSource  # noqa: PLC0415 - takes long to load

            sources = [
                ComposeSource(
                    self._bucket, src, offset=begin, length=min(part_size, stat.size - begin), match_etag=stat.etag
                )
                for begin in range(0, stat.size, part_size)
            ]
            client.compose_object(self._bucket, dst, sources, metadata={_PART_SIZE: str(part_size)})

        self.retried(attempt)

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there are none."""

        def attempt(client: Minio) -> None:
            from minio.deleteobjects import DeleteObject  # noqa: PLC0415 - takes long to load

            for error in client.remove_objects(self._bucket, map(DeleteObject, keys)):
                raise Refused(200, error.code or "", f"{error.name}: {error.message}")

        self.retried(attempt)

    def keys(self, prefix: str, *, recursive: bool) -> list[str]:
        """The keys that begin with a text."""

        def attempt(client: Minio) -> list[str]:
            found = client.list_objects(self._bucket, prefix, recursive=recursive)
            return [item.object_name for item in found if item.object_name is not None]

        return self.retried(attempt)

    def begin(self, key: str, part_size: int, crc: str) -> str:
        """Begin an upload in parts; gives its id."""
        headers = {"Content-Type": "application/octet-stream", f"X-Amz-Meta-{_PART_SIZE}": str(part_size)}
        headers |= {f"X-Amz-Meta-{_CRC}": crc} if crc else {}
        return self.retried(lambda client: multipart.begin(client, self._bucket, key, headers))

    def put_part(self, key: str, upload: str, number: int, data: memoryview, stop: threading.Event) -> str:
        """Send one part; gives its etag."""
        return self.retried(lambda client: multipart.put_part(client, self._bucket, key, upload, number, data), stop)

    def parts(self, key: str, upload: str) -> list[Part]:
        """The parts that the server has."""
        return self.retried(lambda client: [*multipart.parts(client, self._bucket, key, upload)])

    def complete(self, key: str, upload: str, sent: Sequence[Part]) -> None:
        """Put the parts together."""
        self.retried(lambda client: multipart.complete(client, self._bucket, key, upload, sent))

    def abort(self, key: str, upload: str) -> None:
        """Forget the parts of an upload, if the server has not done so before."""
        try:
            self.retried(lambda client: multipart.abort(client, self._bucket, key, upload))
        except Refused as error:
            if error.code != "NoSuchUpload":
                raise


def stat_of(headers: Mapping[str, str], size: int) -> Stat:
    """What the headers of an answer say of an object of that size."""
    small = {name.lower(): value for name, value in headers.items()}
    part_size = small.get(f"x-amz-meta-{_PART_SIZE}", "")
    plain = "kms" not in small.get("x-amz-server-side-encryption", "") and not any(map(small.get, _KEYED))
    length = int(part_size) if part_size.isdecimal() else 0
    return Stat(size, small.get("etag", "").strip('"'), length, plain, small.get(f"x-amz-meta-{_CRC}", ""))
