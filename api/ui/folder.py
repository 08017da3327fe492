"""The runs of a folder, as the list shows them: counted once for each state of their journals."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from stat import S_ISDIR
from typing import TYPE_CHECKING, Any

from dflow.engine.errors import DflowError
from dflow.engine.layout import RunLayout
from dflow.engine.node import LEAF_TYPES
from dflow.engine.phase import Phase
from dflow.live.follower import Follower
from dflow.query import read_status
from dflow.ui.answers import Refused
from dflow.ui.checked import check_run
from dflow.ui.watched import runner_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Folder"]

_PHASES = {phase.value: phase for phase in Phase}
_MOST = 1e15
_LONG = 1000
_log = logging.getLogger("dflow.ui")


class Folder:
    """The runs that lie in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._tallies: dict[str, Tally] = {}

    def layout(self, name: str) -> RunLayout:
        """The run of that id.

        Raises:
            Refused: there is none, or it cannot be read.
        """
        if not name or name.startswith(".") or "/" in name or "\0" in name or os.sep in name:
            raise Refused(404, "There is no such run")
        layout = RunLayout(self.root / name)
        check_run(layout)
        return layout

    def rows(self, patience: float) -> list[dict[str, Any]]:
        """A line of the list for each run, newest first.

        Args:
            patience: seconds after which no more journals are read; what is not counted yet is None then.
        """
        until = time.monotonic() + patience
        with self._lock:
            found = self._found()
            for gone in self._tallies.keys() - {name for _, name in found}:
                del self._tallies[gone]
            return [self._safe_row(name, began, until) for began, name in found]

    def _found(self) -> list[tuple[float, str]]:
        """The runs with the time of their graphs, newest first."""
        found = []
        try:
            with os.scandir(self.root) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    began = _began(entry.path)
                    if began is not None:
                        found.append((began, entry.name))
        except OSError as exc:
            raise Refused(500, f"Cannot look for runs in {self.root}: {exc.strerror}") from exc
        return sorted(found, reverse=True)

    def _safe_row(self, name: str, began: float, until: float) -> dict[str, Any]:
        """A line also of a run in which something is that nobody thought of: one run must not hide the others."""
        try:
            return self._row(name, began, until)
        except Exception as exc:  # noqa: BLE001 - see above
            self._tallies.pop(name, None)
            _log.debug("the run %s cannot be counted", name, exc_info=True)
            return {**_empty_row(name, began), "error": f"{type(exc).__name__}: {exc}"[:_LONG]}

    def _row(self, name: str, began: float, until: float) -> dict[str, Any]:
        layout = RunLayout(self.root / name)
        row = _empty_row(name, began)
        try:
            self.layout(name)
            row["status"] = status = read_status(layout)
        except Refused as exc:
            return {**row, "status": "unreadable", "error": str(exc)}
        except (DflowError, OSError) as exc:
            return {**row, "error": str(exc)}
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = Tally(layout)
        if not tally.is_counted():
            if time.monotonic() > until:
                return row
            tally.count(until)
            if not tally.is_counted(at_all=True):
                return row
        is_live = status == Phase.RUNNING.value
        row |= tally.row(is_live=is_live)
        row["started"] = row["started"] or began
        if is_live:
            row["runner"] = runner_of(layout)
        return row


@dataclass(slots=True)
class Tally:
    """How many steps of a run are in which phase; what it needed for that is forgotten when the run has ended."""

    layout: RunLayout
    _stamp: tuple[int, int] | None = None
    _follower: Follower | None = None
    _starts: int = 0
    _phases: dict[str, Phase] = field(default_factory=dict)
    _copies: set[str] = field(default_factory=set)
    _loops: dict[str, list[int]] = field(default_factory=dict)
    _started: float | None = None
    _finished: float | None = None
    _row: dict[str, Any] = field(default_factory=dict)

    def is_counted(self, *, at_all: bool = False) -> bool:
        """Whether the journal is as it was when it was last counted; with ``at_all``, or has become longer."""
        return self._stamp is not None and (at_all or self._stamp == self._now())

    def count(self, until: float) -> None:
        """Take in what is new; of a long journal the rest another time."""
        stamp: tuple[int, int] | None = self._now()
        if self._follower is None:
            self._follower = Follower(self.layout.journal)
            self._clear()
        while events := self._follower.read():
            if self._follower.starts != self._starts:
                self._clear()
            for event in events:
                self._take(event)
            if time.monotonic() > until:
                stamp = None
                break
        self._stamp = stamp
        counts = dict.fromkeys(Phase, 0)
        for phase in self._phases.values():
            counts[phase] += 1
        total = len(self._phases) + sum(max(0, count - begun) for count, begun in self._loops.values())
        self._row = {
            "started": self._started,
            "finished": self._finished,
            "done": sum(count for phase, count in counts.items() if phase.is_final),
            "total": total,
            "failed": sum(count for phase, count in counts.items() if phase.is_failure),
            "running": counts[Phase.RUNNING],
        }
        if self._finished is not None and stamp is not None:
            self._follower = None
            self._phases, self._copies, self._loops = {}, set(), {}

    def row(self, *, is_live: bool) -> dict[str, Any]:
        """The numbers of a line."""
        return self._row if is_live else {**self._row, "running": 0}

    def _clear(self) -> None:
        self._starts = self._follower.starts if self._follower else 0
        self._phases, self._copies, self._loops = {}, set(), {}
        self._started = self._finished = None

    def _now(self) -> tuple[int, int]:
        try:
            found = self.layout.journal.stat()
        except OSError:
            return (0, 0)
        return (found.st_size, found.st_mtime_ns)

    def _take(self, event: Mapping[str, Any]) -> None:
        kind, name = event.get("event"), event.get("name")
        if kind == "workflow":
            phase, at = _PHASES.get(str(event.get("phase"))), event.get("at")
            at = float(at) if isinstance(at, (int, float)) and -_MOST < at < _MOST else None
            self._finished = at if phase is not None and phase.is_final else None
            self._started = at if self._started is None else self._started
        elif kind == "loop" and isinstance(name, str):
            count = event.get("count")
            if isinstance(count, int) and 0 <= count < _MOST:
                self._loops.setdefault(name, [0, 0])[0] = count
        elif kind == "node" and isinstance(name, str) and event.get("helper") is not True:
            self._take_node(name, event)

    def _take_node(self, name: str, event: Mapping[str, Any]) -> None:
        phase, kind = _PHASES.get(str(event.get("phase"))), str(event.get("type"))
        if phase is None:
            return
        if self._loops and name.endswith(")") and name not in self._phases and name not in self._copies:
            shown = str(event.get("displayName"))
            loop = self._loops.get(name[: -len(shown)] + shown.partition("(")[0]) if name.endswith(shown) else None
            if loop is not None:
                loop[1] += 1
                self._copies.add(name)
        if kind in LEAF_TYPES or kind == "Skipped":
            self._phases[name] = phase


def _began(path: str) -> float | None:
    """When a run was made; None of what is no run. One that may not be read is one, too."""
    try:
        return os.stat(f"{path}/.dflow/graph.json").st_mtime
    except PermissionError:
        pass
    except (OSError, ValueError):
        return None
    try:
        found = os.stat(f"{path}/.dflow")
    except (OSError, ValueError):
        return None
    return found.st_mtime if S_ISDIR(found.st_mode) else None


def _empty_row(name: str, began: float) -> dict[str, Any]:
    """The line of a run of which only its name is known."""
    row = {"id": name, "name": name, "source": "local", "started": began, "finished": None}
    return {**row, "status": "damaged", **dict.fromkeys(("done", "total", "failed", "running", "runner"))}
