"""What is left of a run when it has ended: times, the chain that took them, retries, what was reused, where it is."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from dflow.engine.phase import Phase
from dflow.live.calls import templates_of
from dflow.live.critical import critical_path
from dflow.terminal.amounts import length
from dflow.terminal.frame import steps_counted
from dflow.terminal.texts import Part, clean, clip, counted, style_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dflow.live.critical import Link
    from dflow.live.run import LiveRun
    from dflow.live.view import LiveNode, RunView
    from dflow.terminal.texts import Line, Look

__all__ = ["summary"]

_LINKS = 6
_TEMPLATES = 3
_NAMES = 5
_SHORT = 0.05
_SLACK = 1.0
_COLUMN = 10


def summary(live: LiveRun, look: Look, *, width: int, now: float, began: float | None = None) -> list[Line]:
    """The lines of a summary.

    Args:
        now: the end, where the run goes on.
        began: when this attempt did, in seconds since the epoch; else when the run did. What ended before is only
            counted.
    """
    view = live.view
    since = view.started if began is None else began
    texts = {
        "time": _time(view, since, now),
        "critical": _path(live, look, since, now),
        "templates": _templates(view, since, now),
        "retried": _retried(view),
        "reused": _reused(view, began),
        "outputs": _outputs(live),
    }
    lines = [[Part(f"  {word:<{_COLUMN}}", "dim"), Part(text)] for word, text in texts.items() if text]
    first = [Part(look.symbol(view.phase) + " ", style_of(view.phase)), Part(clean(view.run), "bold")]
    return [clip(line, width, look) for line in [first, *lines]]


def _time(view: RunView, since: float | None, now: float) -> str:
    counts = counted(steps_counted(view))
    end = view.finished or now
    return f"{length(max(0.0, end - (end if since is None else since)))}{': ' if counts else ''}{counts}"


def _path(live: LiveRun, look: Look, since: float | None, now: float) -> str:
    """The critical path; of a long one, its beginning and its longest links."""
    links = critical_path(live.view, templates_of(live.graph), live.view.finished or now)
    links = [link for link in links if (link.node.finished or now) >= (since or 0.0)]
    if len(links) > _LINKS:
        most = sorted(links, key=lambda link: -link.seconds)[:_LINKS]
        shown = [link for link in links if link in most]
    else:
        shown = links
    texts = [_link(link, since or 0.0) for link in shown]
    more = f" and {len(links) - len(shown)} shorter" if len(links) > len(shown) else ""
    return f" {look.arrow} ".join(texts) + more


def _link(link: Link, since: float) -> str:
    """A step of the chain with its time; of a loop, the loop from its first copy to the last."""
    node = link.node
    begun = node.started or 0.0
    free = max(since, begun - link.waited)
    name, seconds = _name(node), link.seconds
    copies = node.parent.copies.get(node.call) if node.is_copy and node.parent is not None else None
    if copies is not None and len(copies.nodes) > 1:
        after = max(since, free - _SLACK)
        ran = [copy for copy in copies.nodes if copy.finished is None or copy.finished >= after]  # in this attempt
        first = max(free, min((copy.started or begun for copy in ran), default=begun))
        if first < begun:
            name, seconds, begun = f"{clean(node.call)} ({len(ran):,} copies)", begun + seconds - first, first
    waited = begun - free
    return f"{f'({length(waited)} waiting) ' if waited > max(1.0, seconds / 10) else ''}{name} {length(seconds)}"


def _templates(view: RunView, since: float | None, now: float) -> str:
    """The templates whose steps took most time together."""
    times: dict[str, list[float]] = defaultdict(list)
    for node in view.nodes.values():
        if node.is_leaf and node.started is not None and (node.finished or now) >= (since or 0.0):
            times[node.template].append(node.seconds(now))
    most = sorted(times, key=lambda name: -sum(times[name]))[:_TEMPLATES]
    texts = []
    for name in most:
        found = times[name]
        if len(found) == 1:
            texts.append(f"{clean(name)} {length(found[0])}")
        else:
            mean = sum(found) / len(found)
            texts.append(f"{clean(name)} {len(found):,} x {_brief(mean)} (at most {_brief(max(found))})")
    return ", ".join(texts) if len(times) > 1 or sum(map(len, times.values())) > 1 else ""


def _brief(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < _SHORT else length(seconds)


def _retried(view: RunView) -> str:
    again = [node for node in view.nodes.values() if node.type == "Retry" and len(node.children) > 1]
    more = sum(len(node.children) - 1 for node in again)
    if not again:
        return ""
    attempts = "attempt" if more == 1 else "attempts"
    return f"{more:,} {attempts} more: {_names(f'{_name(node)} ({len(node.children)})' for node in again)}"


def _reused(view: RunView, began: float | None) -> str:
    nodes = view.nodes.values()
    reused = sum(1 for node in nodes if node.reused)
    memoized = sum(1 for node in nodes if node.memoized)
    kept = sum(1 for n in nodes if began is not None and n.is_leaf and n.finished is not None and n.finished < began)
    texts = [
        f"{reused:,} of other runs" if reused else "",
        f"{memoized:,} memoized" if memoized else "",
        f"{kept:,} of earlier attempts" if kept else "",
    ]
    return ", ".join(text for text in texts if text)


def _outputs(live: LiveRun) -> str:
    root = str(live.layout.root)
    short = os.path.relpath(root)
    outputs = live.view.outputs if live.view.phase is Phase.SUCCEEDED else {}
    names = [clean(str(name)) for kind in ("parameters", "artifacts") for name in outputs.get(kind) or ()]
    return clean(root if short.startswith("..") else short) + (f" (outputs: {_names(names)})" if names else "")


def _name(node: LiveNode) -> str:
    return clean(node.key or node.display)


def _names(names: Iterable[str]) -> str:
    found: Sequence[str] = list(names)
    more = f" and {len(found) - _NAMES} more" if len(found) > _NAMES else ""
    return ", ".join(found[:_NAMES]) + more
