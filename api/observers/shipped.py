"""Observers that write to a file or call a web address."""

from __future__ import annotations

import json
import os
from typing import Any

from dflow.observers.events import Event, Observer, RunEnded

__all__ = ["JsonLines", "Webhook", "setting"]

_TIMEOUT = 10.0


class JsonLines(Observer):
    """Appends one JSON object for each event to a file, which several processes may do at once.

    Args:
        path: the file; ``DFLOW_EVENTS_FILE`` unless given, else ``dflow-events.jsonl`` in the current directory.
    """

    def __init__(self, path: Any = None) -> None:
        self.path = os.path.abspath(str(path or os.environ.get("DFLOW_EVENTS_FILE") or "dflow-events.jsonl"))

    def notify(self, event: Event) -> None:
        """Write it down."""
        try:
            line = f"{json.dumps(event.as_dict(), ensure_ascii=False)}\n".encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # half of a pair, which no file can hold but as an escape
            line = f"{json.dumps(event.as_dict())}\n".encode()
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            os.write(file, line)
        finally:
            os.close(file)


class Webhook(Observer):
    """Sends events as JSON with POST; their ``text`` is what chat programs show.

    ``DFLOW_WEBHOOK_TOKEN``, where it is set, is sent as a bearer token. It is read when it is sent, and never written
    down. Redirects are not followed: they could lead the token elsewhere.

    Args:
        url: ``https://…``; ``DFLOW_WEBHOOK_URL`` unless given.
        only_final: only of the end of a run.
        timeout: seconds that the server has to answer.
    """

    def __init__(self, url: str | None = None, only_final: bool = True, timeout: float = _TIMEOUT) -> None:
        self.url = url or setting("DFLOW_WEBHOOK_URL", "the address of a webhook", "Webhook(url)")
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"a webhook begins with https:// or http://, not {self.url.partition('?')[0]!r}")
        self.only_final = only_final
        self.timeout = timeout

    def notify(self, event: Event) -> None:
        """Send it."""
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        class Stay(HTTPRedirectHandler):
            """A redirect is an error."""

            def redirect_request(self, *args: Any, **more: Any) -> None:
                """No other request."""

        if self.only_final and not isinstance(event, RunEnded):
            return
        headers = {"Content-Type": "application/json"}
        token = os.environ.get("DFLOW_WEBHOOK_TOKEN")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(event.as_dict()).encode()
        request = Request(self.url, data, headers, method="POST")  # noqa: S310 - it was looked at when this was made
        with build_opener(Stay).open(request, timeout=self.timeout) as answer:
            answer.read(1)

    def __repr__(self) -> str:
        scheme, _, rest = self.url.partition("://")
        host = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
        return f"Webhook('{scheme}://{host}/…')"  # with many services the rest of the address is the secret


def setting(variable: str, what: str, otherwise: str) -> str:
    """What a variable of the environment says.

    Raises:
        ValueError: it is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise ValueError(f"{what} is not known: set {variable}, or use {otherwise}")
    return value
