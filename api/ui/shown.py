"""What the answers are made from: the folder, the server, the runs that are looked at."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import anyio
from dflow.config import config, is_remote
from dflow.engine.errors import DflowError
from dflow.ui.answers import Refused, dumps
from dflow.ui.folder import Folder
from dflow.ui.graphs import graph_json
from dflow.ui.streams import RunsTicker
from dflow.ui.watched import Hub, LocalSource

if TYPE_CHECKING:
    from pathlib import Path

    from dflow.ui.argo import Server
    from dflow.ui.guard import Keys
    from dflow.ui.watched import Source, Watched
    from starlette.requests import Request

__all__ = ["Site"]

_SERVER = "argo:"
"""What the ids of runs on an Argo server begin with."""
_NOWHERE = "https://127.0.0.1:2746"
_LIST_PATIENCE = 0.3


class Site:
    """What the answers are made from.

    Attributes:
        closing: set when the server ends, so streams do.
    """

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.keys = keys
        self.folder = Folder(folder)
        self.server = _server()
        self.hub = Hub(self._source)
        self.runs = RunsTicker(self.list_runs)
        self.closing = anyio.Event()
        self.tasks: Any = None
        self.streams = 0

    def list_runs(self) -> str:
        """The list of runs as JSON; those of the server among them."""
        rows = self.folder.rows(_LIST_PATIENCE)
        found: dict[str, Any] = {"runs": rows}
        if self.server is not None:
            remote, error = self.server.rows()
            found["runs"] = sorted(rows + remote, key=lambda row: row["started"] or 0.0, reverse=True)
            found["serverError"] = error
        return dumps(found)

    def warm(self, name: str) -> None:
        """Read a run before somebody asks for it."""
        with contextlib.suppress(Refused, DflowError, OSError):
            run = self.hub.get(name)
            run.refresh()
            with run.lock:
                graph_json(run, None, 2)

    def _source(self, name: str) -> Source:
        if self.server is not None and name.startswith(_SERVER):
            return self.server.source(name)
        return LocalSource(self.folder.layout(name))

    def run(self, request: Request) -> Watched:
        """The run of an address, with all that is known of it by now."""
        found = self.hub.get(request.path_params["run"])
        found.refresh()
        return found


def _server() -> Server | None:
    """The Argo server, where workflows are sent to one or the address of one is set."""
    if not is_remote() and str(config["host"]) == _NOWHERE:
        return None
    from dflow.ui.argo import Server

    return Server(_SERVER)
