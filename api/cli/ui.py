"""The verb ``ui``: the web page of the runs of a folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dflow.cli.find import find_run
from dflow.config import config
from dflow.engine.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    import argparse

__all__ = ["ui"]

_USUAL = 8765


def ui(options: argparse.Namespace) -> int:
    """Show runs in the browser."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"dflow ui needs {' and '.join(missing)}: pip install 'pydflow[ui]'")
    from dflow.ui.start import serve

    folder = (options.dir or Path(str(config["debug_workdir"]))).absolute()
    run = None
    if getattr(options, "id", None) is not None:
        config["debug_workdir"] = str(folder)
        layout = find_run(options.id)
        folder, run = layout.root.parent, layout.id
    if not folder.is_dir():
        raise ConfigError(f"there is no directory {folder}")
    serve(folder, run=run, port=None if options.port == _USUAL else options.port, browser=not options.no_browser)
    return 0
