"""Reading what an Argo server answers: pages of a list, lines of a log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dflow.exporters.argo.server.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dflow.exporters.argo.server.connection import Connection

__all__ = ["LogLine", "log_line", "pages"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line that a pod has printed."""

    pod: str
    text: str


def pages(
    connection: Connection, what: str, send: Callable[[Mapping[str, Any]], Any], selector: str, size: int
) -> Iterator[dict[str, Any]]:
    """The items of a list, one request for each ``size`` of them."""
    token, seen = "", set[str]()
    while token not in seen:
        seen.add(token)
        wanted = {"list_options_limit": str(size)}
        wanted |= {"list_options_label_selector": selector} if selector else {}
        wanted |= {"list_options_continue": token} if token else {}

        def one(options: Mapping[str, Any], wanted: Mapping[str, str] = wanted) -> Any:
            return send({**wanted, **options})

        found = connection.ask(what, one, safe=True)
        yield from found.get("items") or ()
        token = str((found.get("metadata") or {}).get("continue") or "")
        if not token:
            return


def log_line(line: bytes, what: str, host: str) -> LogLine:
    """A line of a log from the JSON that it comes in.

    Raises:
        ServerError: the server says that it cannot read on, or sends something else.
    """
    try:
        data = json.loads(line)
        error, found = data.get("error"), data.get("result") or {}
    except (ValueError, AttributeError):
        raise ServerError(f"cannot {what}: {host} answered with {line[:80]!r}") from None
    if error:
        said = error.get("message") if isinstance(error, dict) else error
        raise ServerError(f"cannot {what}: {host} says {said!r}")
    return LogLine(str(found.get("podName") or ""), str(found.get("content") or ""))
