"""What goes wrong between us and the server, in words: what was tried, what the server says, what to do."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import ObjectNotFound, StorageError
from dflow.storage.retrying import Stopped, in_a_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dflow.storage.s3.settings import S3Settings

__all__ = ["NOT_FOUND", "Damaged", "Refused", "Truncated", "doing", "is_transient", "native"]

NOT_FOUND = ("NoSuchKey", "NoSuchVersion")
_BUSY_CODES = ("InternalError", "RequestTimeout", "ServiceUnavailable", "SlowDown", "SlowDownRead", "SlowDownWrite",
               "TooManyRequests", "XMinioServerNotInitialized", "OperationAborted")  # fmt: skip
_BUSY_STATUSES = (408, 429, 500, 502, 503, 504)
_SHORTEST_SECRET = 6
"""Shorter ones are in many words by chance."""
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)

_KEYS = "s3_config['access_key'] and s3_config['secret_key'] (DFLOW_S3_ACCESS_KEY, DFLOW_S3_SECRET_KEY)"
_ENDPOINT = "s3_config['endpoint'] (DFLOW_S3_ENDPOINT)"
_SECURE = "s3_config['secure'] (DFLOW_S3_SECURE)"
_BUCKET = "s3_config['bucket_name'] (DFLOW_S3_BUCKET_NAME)"

_SAID = {
    "InvalidAccessKeyId": ("it does not know the access key", f"check {_KEYS}"),
    "SignatureDoesNotMatch": ("the secret key does not belong to the access key", f"check {_KEYS}"),
    "AccessDenied": ("these keys may not do that", f"ask for the right to, or check {_KEYS} and {_BUCKET}"),
    "AllAccessDisabled": ("these keys may do nothing here", f"check {_KEYS} and {_BUCKET}"),
    "AccountProblem": ("something is wrong with the account", "ask who runs the server"),
    "NoSuchBucket": ("there is no such bucket", f"create it, or check {_BUCKET}"),
    "InvalidBucketName": ("that is no name for a bucket", f"check {_BUCKET}"),
    "ExpiredToken": ("the keys have expired", f"get new ones, and set {_KEYS}"),
    "TokenRefreshRequired": ("the keys have expired", f"get new ones, and set {_KEYS}"),
    "InvalidToken": ("it does not know the session token", "get new keys with their token"),
    "EntityTooLarge": ("the file is larger than it takes", "split the file, or ask who runs the server"),
    "QuotaExceeded": ("the quota is used up", "delete what is not needed, or ask who runs the server for more"),
    "XMinioStorageFull": ("its disks are full", "delete what is not needed, or tell who runs the server"),
    "KeyTooLongError": ("the key is too long", "shorten the names, or s3_config['prefix'] (DFLOW_S3_PREFIX)"),
    "NoSuchUpload": ("it has forgotten the parts that were sent", "start again"),
    "BadDigest": ("what arrived is not what was sent", "start again; if that goes on, a disk or a cable is broken"),
    "PreconditionFailed": ("the object changes while it is read", "start again when nobody writes it"),
}
_SAME_AS = {
    "InvalidSecurity": "AccessDenied",
    "XMinioAdminBucketQuotaExceeded": "QuotaExceeded",
    "QuotaExceededException": "QuotaExceeded",
    "InsufficientCapacity": "XMinioStorageFull",
    "403": "AccessDenied",
}


class Refused(Exception):
    """The server's answer to a request that it does not carry out.

    Attributes:
        status: of HTTP.
        code: as ``NoSuchKey``; empty when the answer says none.
        said: the server's own words.
        skew: how many seconds the server's clock is ahead of ours; None if unknown.
    """

    def __init__(self, status: int, code: str, said: str = "", *, skew: float | None = None) -> None:
        self.status, self.code, self.said, self.skew = status, code, said, skew
        super().__init__(f"the server answers {code or 'with HTTP status'} {status}" + (f" ({said})" if said else ""))


class Truncated(ConnectionError):
    """A body ended before its time."""


class Damaged(Exception):
    """What arrived is not what was sent."""


@contextmanager
def native(answered: Callable[[], None]) -> Iterator[None]:
    """Turn the errors of minio and urllib3 into :class:`Refused` and those of the standard library.

    Args:
        answered: called when the server has answered.
    """
    from minio.error import MinioException  # noqa: PLC0415 - takes long to load
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with minio

    try:
        yield
    except MinioException as error:
        answered()
        raise _refusal(error) from error
    except HTTPError as error:
        raise _cause(error) from error
    except ValueError as error:  # names that minio does not even send
        code = "InvalidBucketName" if "bucket name" in str(error) else "InvalidArgument"
        raise Refused(400, code, str(error)) from error


def _refusal(error: Any) -> Refused:
    """What an exception of minio's says; those without a code are answers that are no XML."""
    response, said = getattr(error, "response", None), getattr(error, "message", None)
    if response is None:
        text = str(error)
        found = re.search(r"[Rr]esponse code: (\d+)", text)
        number = getattr(error, "status_code", None) or (found[1] if found else 0)
        return Refused(int(number), "", text.rpartition("Body: ")[2])
    skew = _skew(response.headers.get("date", ""))
    return Refused(response.status, error.code or "", " ".join((said or "").split()), skew=skew)


def _cause(error: Any) -> Exception:
    """What an exception of urllib3's is about."""
    from urllib3 import exceptions  # noqa: PLC0415 - comes with minio

    if isinstance(error, exceptions.IncompleteRead):
        return Truncated("the answer ended early")
    if isinstance(error, (exceptions.ReadTimeoutError, exceptions.ConnectTimeoutError)) and not isinstance(
        error, exceptions.NewConnectionError
    ):
        return TimeoutError(str(error))
    for inner in (error.__cause__, *reversed(error.args), error.__context__):
        if isinstance(inner, (OSError, http.client.HTTPException)):
            return inner
        if isinstance(inner, exceptions.HTTPError) and inner is not error:
            return _cause(inner)
    return ConnectionError(str(error))


def _skew(date: str) -> float | None:
    try:
        theirs = parsedate_to_datetime(date)
        return (theirs - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return None


def is_transient(error: BaseException, has_answered: bool) -> bool:  # noqa: PLR0911 - a table
    """Whether an error may go away by itself."""
    match error:
        case Refused():
            return error.code in _BUSY_CODES or (error.status in _BUSY_STATUSES and error.code not in _SAID)
        case ssl.SSLCertVerificationError():
            return False
        case ssl.SSLError():
            return not _is_other_protocol(error)
        case socket.gaierror():
            return has_answered or error.errno == socket.EAI_AGAIN
        case http.client.HTTPException():
            return not _is_other_protocol(error)
        case ConnectionError() | TimeoutError():
            return True
        case OSError():
            return error.errno in _UNREACHABLE
    return False


def _is_other_protocol(error: BaseException) -> bool:
    """Whether one side speaks TLS and the other does not."""
    match error:
        case ssl.SSLError():
            return error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
        case http.client.BadStatusLine():
            return bool(re.match(r"['\"]?(\\x15|\x15)", str(error)))
        case Refused():
            return error.status == 400 and not error.code and "https" in error.said.lower()
    return False


class doing:  # noqa: N801 - used as a function
    """Turn what goes wrong in a block into an error that says what was tried, with which key.

    Args:
        what: a verb: ``"put"``, ``"get"``, ``"list"``.
    """

    def __init__(self, what: str, key: str, settings: S3Settings) -> None:
        self._what, self._key, self._settings = what, key, settings

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (Refused, Damaged, OSError, http.client.HTTPException)) and not isinstance(
            error, StorageError
        ):
            raise self._mapped(error) from error
        if isinstance(error, Stopped):
            raise StorageError(f"{self._tried()}: it was given up") from error

    def _tried(self) -> str:
        settings = self._settings
        return f"cannot {self._what} {self._key!r} in bucket {settings.bucket!r} at {settings.address().text}"

    def _mapped(self, error: Exception) -> StorageError:
        tried = self._tried()
        if isinstance(error, Refused) and (error.code in NOT_FOUND or (error.status == 404 and not error.code)):
            return ObjectNotFound(f"{tried}: there is no such object")
        why, advice = _plain(error, self._settings.address().secure)
        text = f"{tried}: {why}; {advice}"
        for secret in (self._settings.secret_key, self._settings.session_token):
            text = text.replace(secret, "***") if secret and len(secret) >= _SHORTEST_SECRET else text
        return StorageError(text)


def _plain(error: Exception, secure: bool) -> tuple[str, str]:  # noqa: PLR0911 - a table
    """What happened, and what to do."""
    if _is_other_protocol(error):
        spoken, wanted = ("no TLS", "False") if secure else ("TLS", "True")
        return f"the server speaks {spoken} there", f"set {_SECURE} to {wanted}, or check {_ENDPOINT}"
    match error:
        case Refused():
            return _plain_refusal(error)
        case Damaged():
            return str(error), "start again; if that goes on, a disk or a cable is broken"
        case ssl.SSLCertVerificationError():
            why = f"the server's certificate is not trusted ({error.verify_message})"
            return why, f"name the file of its authority in SSL_CERT_FILE, or check {_ENDPOINT}"
        case socket.gaierror():
            return f"there is no host of that name ({error.strerror})", f"check {_ENDPOINT} and the network"
        case ConnectionRefusedError():
            return "nothing listens there", f"start the server, or check {_ENDPOINT}"
        case TimeoutError():
            return "the server does not answer in time", f"check the network, the server, and {_ENDPOINT}"
        case http.client.RemoteDisconnected():
            advice = f"look at the server's log; if it speaks TLS, set {_SECURE}"
            return "the server closes the connection without an answer", advice
        case http.client.HTTPException():
            return f"what answers there is no S3 server ({in_a_line(error)})", f"check {_ENDPOINT}"
    return f"the connection broke ({in_a_line(error)})", f"check the network, the server, and {_ENDPOINT}"


def _plain_refusal(error: Refused) -> tuple[str, str]:
    code = error.code or str(error.status)
    if code == "RequestTimeTooSkewed":
        return _plain_skew(error.skew)
    if (found := _SAID.get(_SAME_AS.get(code, code))) is not None:
        return f"the server says {code}: {found[0]}", found[1]
    said = f"HTTP status {error.status}" + (f", {error.said}" if error.said else "")
    if is_transient(error, True):
        return f"the server says {code} ({said})", "it is busy or broken: try again later, or look at the server's log"
    return f"the server says {code} ({said})", f"check {_ENDPOINT} and {_BUCKET}, and the server's log"


def _plain_skew(skew: float | None) -> tuple[str, str]:
    how = "differ too much"
    if skew is not None:
        how = f"differ by {abs(skew):.0f} s (this one is {'behind' if skew > 0 else 'ahead'})"
    return f"the server says RequestTimeTooSkewed: its clock and the one here {how}", "set the clock of this machine"
