"""minio's client, made when it is first used and again after a fork, with connections and time limits of ours."""

from __future__ import annotations

import os
import ssl
import threading
from typing import TYPE_CHECKING, Any

from dflow.storage.s3.credentials import from_elsewhere

if TYPE_CHECKING:
    import urllib3
    from dflow.storage.s3.settings import S3Settings
    from minio import Minio

__all__ = ["Connection"]

_PIECE = 1 << 18
"""Bytes for one call of the network: a time limit is for each of them, so that slow connections are no broken ones."""


class Connection:
    """Gives the client; several threads may use it."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: tuple[int, Minio, urllib3.PoolManager] | None = None

    def client(self) -> Minio:
        """The client of this process."""
        made = self._made
        if made is None or made[0] != os.getpid():
            made = self._make()
        return made[1]

    def close(self) -> None:
        """Close the connections that are kept; the client may be used again."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            made[2].clear()

    def _make(self) -> tuple[int, Minio, urllib3.PoolManager]:
        from minio import Minio  # noqa: PLC0415 - takes long to load

        if self._made is not None and self._made[0] != os.getpid():
            self._lock = threading.Lock()  # that of the parent may be held by a thread that is not here
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                settings, address = self._settings, self._settings.address()
                given = bool(settings.access_key)
                pool = _pool(settings)
                client = Minio(
                    address.netloc,
                    access_key=settings.access_key if given else None,
                    secret_key=(settings.secret_key or "") if given else None,
                    session_token=settings.session_token if given else None,
                    secure=address.secure,
                    region=settings.region or None,
                    http_client=pool,
                    credentials=None if given else from_elsewhere(address.text),
                )
                self._made = os.getpid(), client, pool
            return self._made


def _pool(settings: S3Settings) -> urllib3.PoolManager:
    import urllib3  # noqa: PLC0415 - comes with minio

    class _Pool(urllib3.PoolManager):
        """Sends long bodies in pieces."""

        def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
            body = kw.get("body")
            if isinstance(body, memoryview):
                kw["headers"]["Content-Length"] = str(len(body))
                kw["body"] = _pieces(body)
            return super().urlopen(method, url, redirect, **kw)

    timeout = urllib3.Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
    tls: dict[str, Any] = {"ssl_context": _context()} if settings.address().secure else {}
    return _Pool(timeout=timeout, retries=False, maxsize=max(1, settings.parallel), **tls)


def _pieces(body: memoryview) -> Any:
    for begin in range(0, len(body), _PIECE):
        yield body[begin : begin + _PIECE]


def _context() -> ssl.SSLContext:
    """Trust what the system trusts, what ``SSL_CERT_FILE`` names, and what certifi knows."""
    context = ssl.create_default_context()
    if not os.environ.get("SSL_CERT_FILE"):
        import certifi  # noqa: PLC0415 - comes with minio; some systems have no certificates of their own

        context.load_verify_locations(certifi.where())
    return context
