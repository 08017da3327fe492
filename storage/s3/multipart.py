"""Steps of an upload that minio takes but does not offer: only this module calls its private methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from minio import Minio

__all__ = ["Part", "abort", "begin", "complete", "parts", "put_part", "put_whole"]


@record(frozen=True, slots=True)
class Part:
    """A part that the server has; numbers begin with 1."""

    number: int
    etag: str
    size: int = 0


def begin(client: Minio, bucket: str, key: str, headers: Mapping[str, str]) -> str:
    """Begin an upload; gives its id."""
    return client._create_multipart_upload(bucket, key, dict(headers))


def put_whole(client: Minio, bucket: str, key: str, data: memoryview) -> str:
    """Store bytes without a copy of them; gives the etag."""
    headers: dict[str, Any] = {"Content-Type": "application/octet-stream"}
    return (client._put_object(bucket, key, data, headers).etag or "").strip('"')  # type: ignore[arg-type]


def put_part(client: Minio, bucket: str, key: str, upload: str, number: int, data: memoryview) -> str:
    """Send one part; gives its etag."""
    return client._upload_part(bucket, key, data, None, upload, number).strip('"')  # type: ignore[arg-type]


def parts(client: Minio, bucket: str, key: str, upload: str) -> Iterator[Part]:
    """The parts that the server has."""
    marker: str | None = None
    while True:
        page = client._list_parts(bucket, key, upload, part_number_marker=marker)
        for part in page.parts:
            yield Part(part.part_number, (part.etag or "").strip('"'), part.size or 0)
        if not page.is_truncated or not page.next_part_number_marker:
            return
        marker = str(page.next_part_number_marker)


def complete(client: Minio, bucket: str, key: str, upload: str, sent: Sequence[Part]) -> None:
    """Put the parts together."""
    from minio.datatypes import Part as TheirPart  # noqa: PLC0415 - takes long to load

    listed = [TheirPart(part.number, part.etag) for part in sent]
    client._complete_multipart_upload(bucket, key, upload, listed)


def abort(client: Minio, bucket: str, key: str, upload: str) -> None:
    """Forget the parts of an upload."""
    client._abort_multipart_upload(bucket, key, upload)
