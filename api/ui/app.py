"""The application: its addresses, and what answers them. All reading is done in threads."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anyio
from dflow import __version__
from dflow.engine.errors import DflowError
from dflow.ui.actions import ACTIONS, act, wish_of
from dflow.ui.answers import EventStream, Refused, answer, dumps, in_thread, integer, refusal, safe_name
from dflow.ui.detail import detail_json, read_text, step_of
from dflow.ui.files import file_response, files_json, place_of
from dflow.ui.graphs import copies_json, graph_json
from dflow.ui.guard import Guard
from dflow.ui.inside import Area
from dflow.ui.logs import log_json
from dflow.ui.nodes import nodes_page, phases_in, summary, the_node
from dflow.ui.shown import Site
from dflow.ui.streams import log_events, run_events, server_log_events
from dflow.ui.timeline import timeline_json
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from dflow.engine.layout import RunLayout, StepLayout
    from dflow.ui.guard import Keys
    from dflow.ui.watched import Watched
    from starlette.requests import Request
    from starlette.types import ASGIApp

__all__ = ["make_app"]

_log = logging.getLogger("dflow.ui")
_KINDS = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
}
_MOST_BODY = 1 << 20
_MOST_STREAMS = 64
_MOST_TAIL = 4 << 20
_MOST_SCRIPT = 4 << 20
_PAGE = 500


def make_app(folder: Path, keys: Keys) -> tuple[ASGIApp, Site]:
    """The application with its guard, and what it answers from."""
    site = Site(folder, keys)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            site.tasks = tasks
            yield
            tasks.cancel_scope.cancel()

    run, node = "/api/runs/{run}", "/api/runs/{run}/nodes/{node}"
    routes = [
        Route("/", partial(_static, name="index.html")),
        Route("/static/{name:path}", _static),
        _read("/api/session", site, _session),
        _read("/api/runs", site, _runs),
        Route("/api/runs/stream", partial(_stream_runs, site)),
        _read(run, site, _of_run(_summary)),
        _read(f"{run}/graph", site, _of_run(_graph)),
        _read(f"{run}/nodes", site, _of_run(_nodes)),
        _read(f"{run}/timeline", site, _of_run(_timeline)),
        Route(f"{run}/stream", partial(_stream_run, site)),
        _read(node, site, _node),
        _read(f"{node}/log", site, _log_tail),
        Route(f"{node}/log/stream", partial(_stream_log, site)),
        _give(f"{node}/log/download", site, _log_download),
        _give(f"{node}/script", site, _script),
        _read(f"{node}/files", site, _files),
        _give(f"{node}/file", site, _file),
        Route(f"{run}/{{action}}", partial(_act, site), methods=["POST"]),
    ]
    handlers: Any = {Refused: _refused, DflowError: _failed, HTTPException: _http, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False
    return Guard(_Never500(app), keys), site


class _Never500:
    """Keeps the error that Starlette raises again after the answer from the server's log, which has been told of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except ConnectionAbortedError:
            raise
        except Exception:  # noqa: BLE001 - it was answered, and logged by _broken
            return


def _read(path: str, site: Site, make: Callable[[Site, Request], str]) -> Route:
    """An address that is answered with JSON, made in a thread."""

    async def endpoint(request: Request) -> Response:
        return await in_thread(lambda: answer(request, make(site, request)))

    return Route(path, endpoint)


def _give(path: str, site: Site, make: Callable[[Site, Request], Response]) -> Route:
    """An address that is answered with something else, made in a thread."""

    async def endpoint(request: Request) -> Response:
        return await in_thread(make, site, request)

    return Route(path, endpoint)


def _of_run(make: Callable[[Watched, Request], Any]) -> Callable[[Site, Request], str]:
    """What is said of a run, while it does not change."""

    def found(site: Site, request: Request) -> str:
        run = site.run(request)
        with run.lock:
            return dumps(make(run, request))

    return found


# -- answers ------------------------------------------------------------------------------------------------------


async def _static(request: Request, name: str | None = None) -> Response:
    """A file of the page; they lie in one folder."""
    wanted = request.path_params.get("name", "") if name is None else name
    place = files("dflow.ui") / "static"
    kind = _KINDS.get(wanted.rpartition(".")[2])
    if kind is None or "/" in wanted or "\0" in wanted or wanted.startswith("."):
        raise Refused(404, "There is no such file")
    try:
        data = await in_thread((place / wanted).read_bytes)
    except OSError as exc:
        raise Refused(404, "There is no such file") from exc
    return Response(data, headers={"Content-Type": kind, "Cache-Control": "no-cache"})


def _session(site: Site, request: Request) -> str:
    return dumps(
        {
            "csrf": site.keys.csrf,
            "version": __version__,
            "folder": str(site.folder.root),
            "now": time.time(),
            "server": site.server is not None,
        }
    )


def _runs(site: Site, request: Request) -> str:
    return site.list_runs()


def _summary(run: Watched, request: Request) -> dict[str, Any]:
    return summary(run)


def _graph(run: Watched, request: Request) -> dict[str, Any]:
    query = request.query_params
    word = query.get("node")
    if word:
        offset, limit = _page_of(request)
        found = copies_json(run, word, query.get("call"), phases_in(query.get("phase")), offset, limit)
        if found is not None:
            return found
    return graph_json(run, word, integer(query.get("depth"), 2, most=5, name="depth"))


def _nodes(run: Watched, request: Request) -> dict[str, Any]:
    query = request.query_params
    offset, limit = _page_of(request)
    return nodes_page(run, phases_in(query.get("phase")), query.get("text", ""), offset, limit)


def _timeline(run: Watched, request: Request) -> dict[str, Any]:
    limit = integer(request.query_params.get("limit"), 2000, most=20_000, name="limit")
    found: dict[str, Any] = timeline_json(run, limit)
    return found


def _page_of(request: Request) -> tuple[int, int]:
    query = request.query_params
    offset = integer(query.get("offset"), 0, most=1 << 53, name="offset")
    return offset, integer(query.get("limit"), 100, most=_PAGE, name="limit")


def _node(site: Site, request: Request) -> str:
    run = site.run(request)
    node = the_node(run, request.path_params["node"])
    if run.source.layout is None:
        from dflow.ui.argo import detail

        return dumps(detail(run, node))
    return dumps(detail_json(run, node))


def _place(site: Site, request: Request) -> tuple[RunLayout, StepLayout]:
    """The directory of the step that an address names."""
    run = site.run(request)
    node = the_node(run, request.path_params["node"])
    if run.source.layout is None:
        raise Refused(404, "The files of a run on an Argo server are in its artifact store; see: dflow download")
    step = step_of(run.source.layout, node)
    if step is None:
        raise Refused(404, f"{node.name} has no directory: it has not begun, or never ran")
    return run.source.layout, step


def _log_tail(site: Site, request: Request) -> str:
    tail = integer(request.query_params.get("tail"), 64 << 10, most=_MOST_TAIL, name="tail")
    run = site.run(request)
    node = the_node(run, request.path_params["node"])
    if run.source.layout is None:
        from dflow.ui.argo import log_text

        data = log_text(run, node, tail).encode("utf-8", "replace")
        return dumps({"text": data.decode(), "offset": len(data), "size": len(data), "from": 0})
    step = step_of(run.source.layout, node)
    if step is None:
        return dumps({"text": "", "offset": 0, "size": 0, "from": 0})
    return dumps(log_json(Area(run.source.layout.root), str(step.log), tail))


def _log_download(site: Site, request: Request) -> Response:
    layout, step = _place(site, request)
    found = file_response(Area(layout.root), str(step.log), "download")
    found.headers["Content-Disposition"] = safe_name(f"{step.root.name}-log.txt")
    return found


def _script(site: Site, request: Request) -> Response:
    layout, step = _place(site, request)
    text, _ = read_text(Area(layout.root), str(step.script), _MOST_SCRIPT)
    return Response(text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})


def _asked_path(request: Request, step: StepLayout) -> str:
    query = request.query_params
    return place_of(step, query.get("side", ""), query.get("name", ""), query.get("path", ""))


def _files(site: Site, request: Request) -> str:
    layout, step = _place(site, request)
    return dumps(files_json(Area(layout.root), _asked_path(request, step)))


def _file(site: Site, request: Request) -> Response:
    layout, step = _place(site, request)
    return file_response(Area(layout.root), _asked_path(request, step), request.query_params.get("as", "preview"))


# -- streams ------------------------------------------------------------------------------------------------------


def _stream(site: Site, events: Any) -> Response:
    if site.streams >= _MOST_STREAMS:
        raise Refused(503, "Too many pages are open; close some")

    async def counted() -> AsyncIterator[Any]:
        site.streams += 1
        try:
            async with contextlib.aclosing(events) as found:
                async for event in found:
                    yield event
        finally:
            site.streams -= 1

    return EventStream(counted(), site.closing)


async def _stream_runs(site: Site, request: Request) -> Response:
    return _stream(site, site.runs.events(site.tasks))


async def _stream_run(site: Site, request: Request) -> Response:
    run = await in_thread(site.run, request)
    since = integer(request.query_params.get("since"), 0, most=1 << 53, name="since")
    return _stream(site, run_events(site.hub, site.tasks, run, since))


async def _stream_log(site: Site, request: Request) -> Response:
    run = await in_thread(site.run, request)
    node = the_node(run, request.path_params["node"])
    offset = integer(request.query_params.get("offset"), 0, most=1 << 62, name="offset")
    if run.source.layout is None:
        return _stream(site, server_log_events(site.hub, site.tasks, run, node.id, offset))
    return _stream(site, log_events(site.hub, site.tasks, run, node.id, offset))


# -- changes ------------------------------------------------------------------------------------------------------


async def _act(site: Site, request: Request) -> Response:
    verb = request.path_params["action"]
    if verb not in ACTIONS:
        raise Refused(404, f"There is no action {verb!r}; actions are {', '.join(ACTIONS)}")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BODY:
            raise Refused(413, "The request is too long")
    try:
        wish = wish_of(json.loads(body or b"{}"))
    except (ValueError, RecursionError) as exc:
        raise Refused(400, "The request is no JSON") from exc
    run = await in_thread(site.run, request)
    said = await in_thread(act, run, verb, wish)
    _log.info("%s %s: %s", verb, run.id, said)
    return Response(dumps({"said": said}), media_type="application/json")


async def _refused(request: Request, error: Refused) -> Response:
    return refusal(error.status, str(error))


async def _failed(request: Request, error: DflowError) -> Response:
    return refusal(409 if request.method == "POST" else 500, str(error))


async def _http(request: Request, error: HTTPException) -> Response:
    words = {404: "There is no such page", 405: f"{request.method} is not done here"}
    return refusal(error.status_code, words.get(error.status_code, str(error.detail)))


async def _broken(request: Request, error: Exception) -> Response:
    _log.error("GET %s failed", request.url.path, exc_info=error)
    return refusal(500, f"It could not be read: {type(error).__name__}: {error}")
