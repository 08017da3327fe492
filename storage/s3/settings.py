"""Which server, which bucket, as whom, and how patient to be."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, field
from urllib.parse import urlsplit

from dflow.engine.errors import ConfigError
from dflow.engine.records import record

__all__ = ["Address", "S3Settings"]

_PORTS = {True: 443, False: 80}


@record(frozen=True, slots=True)
class Address:
    """Where requests go."""

    host: str
    port: int
    secure: bool

    @property
    def text(self) -> str:
        """As users write it."""
        return f"{'https' if self.secure else 'http'}://{self.netloc}"

    @property
    def netloc(self) -> str:
        """The host and, unless it is the usual one, the port."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == _PORTS[self.secure] else f"{shown}:{self.port}"


@record(frozen=True, slots=True)
class S3Settings:
    """One bucket of one server.

    Attributes:
        endpoint: host and port; may begin with ``http://`` or ``https://``, which ``secure`` then follows.
        access_key: None or empty: from the environment (``AWS_*``, ``MINIO_*``), ``~/.aws/credentials``, or the
            configuration of the program ``mc``.
        secret_key: belongs to ``access_key``.
        session_token: for keys that expire.
        secure: whether the server speaks TLS.
        region: None: asked for when the server insists on one.
        parallel: how many requests at once.
        first_patience: seconds to wait for a server that has never answered.
        patience: seconds to wait for one that has.
        connect_timeout: seconds for one connection.
        read_timeout: seconds without a byte, either way.
    """

    _: KW_ONLY
    endpoint: str
    bucket: str
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    secure: bool = False
    region: str | None = None
    parallel: int = 16
    first_patience: float = 10.0
    patience: float = 120.0
    connect_timeout: float = 10.0
    read_timeout: float = 60.0

    def address(self) -> Address:
        """Where requests go.

        Raises:
            ConfigError: the endpoint is no host and port.
        """
        return Address(*_parsed(self.endpoint, self.secure))


def _parsed(endpoint: str, secure: bool) -> tuple[str, int, bool]:
    text = endpoint.strip()
    try:
        url = urlsplit(text if "://" in text else f"{'https' if secure else 'http'}://{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host, port, url = None, None, urlsplit("")
    if not host or url.scheme not in ("http", "https"):
        raise _wrong(endpoint, "is no host and port")
    if url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
        raise _wrong(endpoint, "has more than a host and a port")
    return host, port or _PORTS[url.scheme == "https"], url.scheme == "https"


def _wrong(endpoint: str, what: str) -> ConfigError:
    shown = re.sub(r"[^/@]*@", "***@", endpoint)
    return ConfigError(
        f"s3_config['endpoint'] {what}: {shown!r}; write it as '127.0.0.1:9000' or 'https://s3.example.org' "
        "(or set DFLOW_S3_ENDPOINT)"
    )
