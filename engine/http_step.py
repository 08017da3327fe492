"""Running HTTP templates: a request is sent from a thread, and its answer judged."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from dflow.engine import expressions
from dflow.engine.errors import LeafError
from dflow.engine.fetch import shown
from dflow.engine.leaf_outputs import collect
from dflow.engine.phase import Phase
from dflow.engine.records import record
from dflow.engine.results import keep_result
from dflow.engine.state import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.model import HttpTemplate
    from dflow.engine.node import Node
    from dflow.engine.settings import RunSettings

__all__ = ["run_request"]

_TIME = 30.0
_LIMIT = 64 << 20
_START = 200


@record(frozen=True, slots=True)
class _Request:
    """What is sent."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | None
    timeout: float
    insecure: bool


@record(frozen=True, slots=True)
class _Answer:
    """What has come back; the names of headers are written as ``Content-Type``."""

    status: int
    body: str
    headers: dict[str, list[str]]


async def run_request(
    node: Node, template: HttpTemplate, values: Mapping[str, str | None], settings: RunSettings, limit: float | None
) -> tuple[Phase, str, bool]:
    """Send the request of a node: phase, message, and whether its time was over. When cancelled nothing is waited for.

    Args:
        limit: seconds that the node has at most.

    Raises:
        LeafError: there was no answer.
        ExpressionError: a tag or the condition is wrong.
    """
    if node.place is None:
        raise LeafError(f"node {node.name} has no directory")
    request = _filled(template, values, limit)
    what = f"{request.method} {shown(request.url)}"
    answer = None
    with anyio.move_on_after(request.timeout), suppress(TimeoutError):  # whichever of the two clocks is the first
        answer = await anyio.to_thread.run_sync(_send, request, abandon_on_cancel=True)
    if answer is None:
        return Phase.FAILED, f"{what} had no answer within {request.timeout:g} s", True
    write_text(node.place.log, f"{what}: {answer.status}\n")
    keep_result(node.place, answer.body)
    collect(node, template, settings, strict=True)
    if _is_good(template, values, request, answer):
        return Phase.SUCCEEDED, "", False
    start = answer.body[:_START] + ("…" if len(answer.body) > _START else "")
    wanted = f", so {template.success_condition} is false" if template.success_condition else ""
    return Phase.FAILED, f"{what} was answered with {answer.status}{wanted}: {start}", False


def _filled(template: HttpTemplate, values: Mapping[str, str | None], limit: float | None) -> _Request:
    def ready(text: str) -> str:
        return expressions.substitute(text, values, strict=("inputs",))

    url = ready(template.url)
    if not url.startswith(("http://", "https://")):
        raise LeafError(f"{shown(url)!r} is no URL of http or https")
    timeout = float(template.timeout or _TIME)
    return _Request(
        template.method.upper(),
        url,
        tuple((name, ready(text)) for name, text in template.headers),
        None if template.body is None else ready(template.body),
        timeout if limit is None else min(timeout, limit),
        template.insecure,
    )


def _send(request: _Request) -> _Answer:
    import http.client  # noqa: PLC0415 - few workflows send requests
    import ssl  # noqa: PLC0415
    import urllib.error  # noqa: PLC0415
    import urllib.request  # noqa: PLC0415

    body = None if request.body is None else request.body.encode()
    try:
        made = urllib.request.Request(request.url, body, method=request.method)  # noqa: S310 - http or https
        made.add_header("User-Agent", "dflow")
        for name, text in request.headers:
            made.add_header(name, text)
        context = ssl._create_unverified_context() if request.insecure else None  # noqa: S323 - as was asked
        try:
            with urllib.request.urlopen(made, timeout=request.timeout, context=context) as answer:  # noqa: S310
                return _read(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                return _read(exc)
    except (OSError, ValueError, http.client.HTTPException) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        if isinstance(reason, TimeoutError):
            raise reason from None
        raise LeafError(f"{request.method} {shown(request.url)} had no answer: {reason or type(exc).__name__}") from exc


def _read(answer: Any) -> _Answer:
    data = answer.read(_LIMIT + 1)
    if len(data) > _LIMIT:
        raise ValueError(f"the body is larger than {_LIMIT >> 20} MiB")
    headers: dict[str, list[str]] = {}
    for name, text in answer.headers.items():
        headers.setdefault("-".join(word.capitalize() for word in name.split("-")), []).append(text)
    return _Answer(answer.status, data.decode(errors="surrogateescape"), headers)


def _is_good(template: HttpTemplate, values: Mapping[str, str | None], request: _Request, answer: _Answer) -> bool:
    if not template.success_condition:
        return answer.status < 300
    condition = expressions.substitute(template.success_condition, values)
    names: dict[str, object] = {
        **values,
        "request.method": request.method,
        "request.url": request.url,
        "request.body": request.body or "",
        "request.headers": {name: [text] for name, text in request.headers},
        "response.statusCode": answer.status,
        "response.body": answer.body,
        "response.headers": answer.headers,
    }
    return expressions.evaluate_bool(condition, names)
