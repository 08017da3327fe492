"""The observers that are configured, or that a run directory names."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Callable, List

from dflow.config import config
from dflow.engine.errors import ConfigError
from dflow.engine.settings import load_settings
from dflow.engine.state import read_text

if TYPE_CHECKING:
    from dflow.engine.layout import RunLayout
    from dflow.observers.events import Event
    from dflow.observers.feed import Feed

__all__ = ["GROUP", "checked_observers", "observer_of", "open_feed"]

GROUP = "dflow.observers"
_log = logging.getLogger("dflow.observers")


def checked_observers(*, detach: bool) -> List[str]:
    """The import paths among the observers of ``config``, with which another process can go on with a run.

    Raises:
        ConfigError: one is no observer, or it is an object and the run is to be detached.
    """
    given = _configured()
    for one in given:
        observer_of(one)
        if detach and not isinstance(one, str):
            raise ConfigError(
                f"a detached run makes its observers itself, and {one!r} is an object of this process: give "
                "config['observers'] an import path such as 'package.module.Class'"
            )
    return [one for one in given if isinstance(one, str)]


def open_feed(layout: RunLayout) -> Feed | None:
    """What tells the observers of ``config``, or else those that the run names; None without any."""
    given = _configured()
    if not given and not layout.observers.exists():
        return None
    observers = []
    try:
        if not given:
            given = json.loads(read_text(layout.observers))
            sys.path.extend(entry for entry in load_settings(layout.settings).module_path if entry not in sys.path)
        for one in given:
            notify = observer_of(one)
            observers.append((one if isinstance(one, str) else repr(one), notify))
    except Exception as exc:  # noqa: BLE001 - observers are no part of the run
        _log.warning("run %s: %s", layout.id, exc)
    if not observers:
        return None
    from dflow.observers.feed import Feed

    return Feed(layout, observers)


def observer_of(given: Any) -> Callable[[Event], Any]:
    """What is to be called with events, for an object, a function, a class, an import path or a name.

    Raises:
        ConfigError: it is no observer, or cannot be imported.
    """
    try:
        found = _named(given) if isinstance(given, str) else given
        made = found() if isinstance(found, type) else found
    except Exception as exc:
        raise ConfigError(f"config['observers'] has {given!r}, which gives no observer: {exc}") from exc
    notify = getattr(made, "notify", made)
    if not callable(notify):
        raise ConfigError(f"config['observers'] has {given!r}, which is no observer: it has no method notify(event)")
    return notify  # type: ignore[no-any-return]


def _configured() -> List[Any]:
    given = config["observers"] or []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _named(name: str) -> Any:
    """An import path, else the name of an entry point."""
    from dflow.common import import_func

    path = name.replace(":", ".", 1)
    if "." in path:
        return import_func(path)
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none here"
        raise ImportError(
            f"it is no import path such as package.module.Class, nor the name of an installed one ({known})"
        )
    return points[name].load()
