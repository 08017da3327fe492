"""What is sent back: JSON, files, streams of events, and refusals in words."""

from __future__ import annotations

import gzip
import json
import math
import os
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import anyio
from anyio import to_thread
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

__all__ = ["EventStream", "FileStream", "Refused", "answer", "dumps", "in_thread", "integer", "refusal", "safe_name"]

_T = TypeVar("_T")
_CHUNK = 256 << 10
_WORTH_PACKING = 64 << 10
_KEEP_ALIVE = 15.0
_MOST_BITS = 1024


class Refused(Exception):
    """What was asked for is not given; the text is a sentence for a person."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def dumps(data: Any) -> str:
    """JSON that every browser can read: numbers that are none become null, and odd characters are escaped."""
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(data), allow_nan=False, separators=(",", ":"))
    except RecursionError as exc:
        raise Refused(500, "It cannot be shown: lists are nested too deeply in it") from exc


def _finite(data: Any) -> Any:
    match data:
        case dict():
            return {name: _finite(value) for name, value in data.items()}
        case list() | tuple():
            return [_finite(value) for value in data]
        case float() if not math.isfinite(data):
            return None
        case int() if data.bit_length() > _MOST_BITS:
            return None
    return data


def answer(request: Request, text: str) -> Response:
    """JSON that was made by :func:`dumps`; a long one packed, where the browser can unpack it."""
    data = text.encode()
    headers = {"Content-Type": "application/json", "Vary": "Accept-Encoding"}
    if len(data) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        data = gzip.compress(data, 1)
        headers["Content-Encoding"] = "gzip"
    return Response(data, headers=headers)


def refusal(status: int, text: str) -> Response:
    """An error as JSON."""
    return Response(dumps({"error": text}), status, media_type="application/json")


def integer(text: str | None, default: int, *, most: int, name: str) -> int:
    """A number of the address, at least 0 and at most ``most``.

    Raises:
        Refused: it is no number.
    """
    if text is None or not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(400, f"{name} must be a number from 0 on")
    return min(int(text), most)


def safe_name(name: str) -> str:
    """The header that gives a download its name, whatever that is made of."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name).strip(". ") or "file"
    exact = quote(name.encode("utf-8", "replace"), safe="")
    return f"attachment; filename=\"{plain[:150]}\"; filename*=UTF-8''{exact}"


async def in_thread(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function that reads files; who waits for it may leave without it, for a file system can hang."""
    return await to_thread.run_sync(function, *arguments, abandon_on_cancel=True)


class FileStream(Response):
    """An open file, of which so many bytes are sent; it is closed then."""

    def __init__(self, file: int, size: int, headers: dict[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(size)})
        self._file = file
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. One that has become shorter meanwhile ends the connection, so nobody takes it for whole."""
        is_short = False
        try:
            async with anyio.create_task_group() as tasks:

                async def until_gone() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        continue
                    tasks.cancel_scope.cancel()

                tasks.start_soon(until_gone)
                is_short = not await self._send_all(send, 0 if scope["method"] == "HEAD" else self._size)
                tasks.cancel_scope.cancel()
        finally:
            os.close(self._file)
        if is_short:
            raise ConnectionAbortedError("the file has become shorter")

    async def _send_all(self, send: Send, size: int) -> bool:
        """Whether there was as much in it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sent = 0
        while sent < size:
            data = await to_thread.run_sync(os.pread, self._file, min(_CHUNK, size - sent), sent)
            if not data:
                return False
            sent += len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return True


class EventStream(Response):
    """Server-sent events, until there are no more, the browser has gone, or the server ends.

    Args:
        events: names with data, which is JSON already where it is a text; None in between keeps the connection open.
        closing: set when the server ends.
    """

    def __init__(self, events: AsyncIterator[tuple[str, Any] | None], closing: anyio.Event) -> None:
        super().__init__(headers={"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them as they come."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as tasks:

            async def until_gone() -> None:
                while (await receive())["type"] != "http.disconnect":
                    continue
                tasks.cancel_scope.cancel()

            async def until_closing() -> None:
                await self._closing.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(until_gone)
            tasks.start_soon(until_closing)
            await self._send_all(send)
            tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.move_on_after(0.2):
            await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Send) -> None:
        silent_since = anyio.current_time()
        await send({"type": "http.response.body", "body": b"retry: 1000\n\n", "more_body": True})
        async for event in self._events:
            if event is not None:
                name, data = event
                text = f"event: {name}\ndata: {data if isinstance(data, str) else dumps(data)}\n\n"
            elif anyio.current_time() - silent_since > _KEEP_ALIVE:
                text = ": still here\n\n"
            else:
                continue
            silent_since = anyio.current_time()
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
