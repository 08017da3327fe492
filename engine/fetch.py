"""Fetching files from servers, for artifacts that are a URL."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import anyio.to_thread
from dflow.engine.errors import LeafError
from dflow.engine.state import writing

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.engine.layout import StepLayout
    from dflow.engine.model import Template
    from dflow.engine.node import Node

__all__ = ["FetchError", "fetch", "fetch_inputs", "fetch_now", "shown"]

_PIECE = 1 << 20
_SILENCE = 60.0


class FetchError(LeafError):
    """A file cannot be fetched.

    Attributes:
        is_absent: the server says that there is none.
    """

    def __init__(self, message: str, *, is_absent: bool = False) -> None:
        super().__init__(message)
        self.is_absent = is_absent


async def fetch_inputs(node: Node, template: Template, step: StepLayout) -> None:
    """Fetch the input artifacts of a node that are URLs, into its directory.

    Raises:
        LeafError: one cannot be fetched, and is not optional.
        StateError: the file system refuses.
    """
    for artifact in template.inputs.artifacts:
        value = node.input_artifacts.get(artifact.name)
        if value is not None and value.url is not None:
            try:
                await fetch(value.url, step.input_artifacts / artifact.name)
            except FetchError as exc:
                if not (artifact.optional and exc.is_absent):
                    raise LeafError(f"input artifact {artifact.name!r}: {exc}") from exc


async def fetch(url: str, target: Path) -> None:
    """Fetch a file; it is there as a whole or not at all. When cancelled, the transfer ends."""
    stop = threading.Event()
    try:
        await anyio.to_thread.run_sync(_fetch, url, target, stop, abandon_on_cancel=True)
    finally:
        stop.set()


def fetch_now(url: str, target: Path) -> None:
    """Fetch a file, and wait for it.

    Raises:
        FetchError: it cannot be fetched; nothing is left of it then.
        StateError: the file system refuses.
    """
    try:
        _fetch(url, target, threading.Event())
    except BaseException:
        _partial(target).unlink(missing_ok=True)
        raise


def _fetch(url: str, target: Path, stop: threading.Event) -> None:
    temporary = _partial(target)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        _transfer(url, file, str(target), stop)
    finally:
        os.close(file)
    with writing(target):
        if stop.is_set():
            temporary.unlink()
        else:
            temporary.replace(target)


def _partial(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _transfer(url: str, file: int, target: str, stop: threading.Event) -> None:
    import http.client  # noqa: PLC0415 - few workflows fetch anything
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    where = shown(url)
    if urlsplit(url).scheme not in ("http", "https"):
        raise FetchError(f"cannot fetch {where}: only http and https are fetched")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "dflow"})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=_SILENCE) as answer:  # noqa: S310
            size = _receive(answer, file, target, stop)
            wanted = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as exc:
        exc.close()
        raise FetchError(f"cannot fetch {where}: {exc.code} {exc.reason}", is_absent=exc.code in (404, 410)) from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        raise FetchError(f"cannot fetch {where}: {reason or type(exc).__name__}") from exc
    if not stop.is_set() and wanted is not None and wanted.isdecimal() and size != int(wanted):
        raise FetchError(f"cannot fetch {where}: the server ended after {size} of {wanted} bytes")


def _receive(answer: Any, file: int, target: str, stop: threading.Event) -> int:
    """Write what comes to a file; how many bytes that is."""
    size = 0
    while not stop.is_set() and (data := answer.read(_PIECE)):
        size += len(data)
        with writing(target):
            while data:
                data = data[os.write(file, data) :]
    return size


def shown(url: str) -> str:
    """A URL without what may be a secret: the name and password in it, and its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
    except ValueError:
        return repr(url[:40])
