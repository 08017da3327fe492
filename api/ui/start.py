"""Starting the server: a port of this machine, the address with its token, the browser, and a quick end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import html
import os
import shlex
import shutil
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from dflow.engine.errors import ConfigError
from dflow.login_node import look_around
from dflow.ui.app import make_app
from dflow.ui.guard import Keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dflow.ui.shown import Site

__all__ = ["PORT", "serve"]

PORT = 8765
"""Where the page is unless something else is there, or another port is asked for."""
_HOST = "127.0.0.1"
_TRIES = 100


def serve(folder: Path, *, run: str | None = None, port: int | None = None, browser: bool = True) -> None:
    """Serve the page of a folder until Ctrl-C.

    Args:
        run: the id of a run whose page is opened at once.
        port: this one and no other; 0 for a free one; None for the usual one, or one after it.
        browser: open it in the browser, where there is one.

    Raises:
        ConfigError: the port is taken.
    """
    with contextlib.closing(_listen(port)) as listening:
        keys = Keys(listening.getsockname()[1])
        path = "/" if run is None else f"/run/{run}"
        address = f"http://{_HOST}:{keys.port}{path}?token={keys.token}"
        _say(folder, address, keys.port)
        app, site = make_app(folder, keys)
        gc.set_threshold(100_000, 50, 20)  # graphs and journals make many objects that stay
        if run is not None:
            threading.Thread(target=site.warm, args=(run,), daemon=True).start()
        settings = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            log_config=None,
            server_header=False,
            ws="none",
            lifespan="on",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(settings, site)
        opened = _opened(address) if browser and _has_browser() else contextlib.nullcontext()
        with opened, contextlib.suppress(KeyboardInterrupt):  # that is how it is ended
            asyncio.run(server.serve(sockets=[listening]))
    _leave_hanging_threads()


def _leave_hanging_threads() -> None:
    """End at once where a thread still reads from a file system that does not answer."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join(0.2)
            if thread.is_alive():
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(0)


class _Server(uvicorn.Server):
    """Ends the streams when it is to end; else it would wait for them."""

    def __init__(self, settings: uvicorn.Config, site: Site) -> None:
        super().__init__(settings)
        self._site = site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        self._site.closing.set()
        await super().shutdown(sockets)


def _listen(port: int | None) -> socket.socket:
    """A socket on a port of this machine alone."""
    for number in [port] if port is not None else [*range(PORT, PORT + _TRIES), 0]:
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((_HOST, number))
            found.listen(128)
        except (OSError, OverflowError) as exc:
            found.close()
            code = getattr(exc, "errno", None)
            if port is None and code in (errno.EADDRINUSE, errno.EACCES):
                continue
            what = "is taken; choose another one" if code == errno.EADDRINUSE else f"cannot be used: {exc}"
            raise ConfigError(f"port {number} of {_HOST} {what}, or leave --port out") from exc
        return found
    raise ConfigError(f"no port of {_HOST} is free")


def _say(folder: Path, address: str, port: int) -> None:
    """Print the address, and how to get here from elsewhere."""
    lines = [f"The runs of {folder}, until Ctrl-C:"]
    if _is_far_away():
        host = shlex.quote(socket.gethostname())
        lines = ["On your own machine, first:", f"  ssh -L {port}:{_HOST}:{port} {host}", *lines]
    lines.append(f"  {address}")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _is_far_away() -> bool:
    """Whether the browser is probably on another machine."""
    return bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY")) or look_around().is_login_node


def _has_browser() -> bool:
    """Whether a browser would open where the user sees it."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return bool(os.environ.get("DISPLAY")) and bool(os.environ.get("BROWSER"))
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def _opened(address: str) -> Iterator[None]:
    """Open the address in the browser by a file that leads there: all users see what programs are started with."""
    folder = Path(tempfile.mkdtemp(prefix="dflow-ui-"))  # for this user alone
    try:
        page = folder / "open.html"
        link = html.escape(address)
        page.write_text(
            f'<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>dflow</title>'
            f'<meta http-equiv="refresh" content="0; url={link}"><p><a href="{link}">dflow</a></p>\n'
        )
        webbrowser.open(page.as_uri())
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
