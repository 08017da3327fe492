"""All runs of a directory that go on, with what each of them does now."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dflow.config import config
from dflow.engine.lease import is_running
from dflow.engine.phase import Phase
from dflow.live.run import LiveRun
from dflow.query import list_runs
from dflow.terminal.amounts import length, size_text
from dflow.terminal.frame import steps_counted
from dflow.terminal.screen import Screen, can_show
from dflow.terminal.texts import Look, Part, cells, clean, clip, plain_text, style_of
from dflow.terminal.watching import keys

if TYPE_CHECKING:
    from dflow.live.view import LiveNode
    from dflow.terminal.texts import Line

__all__ = ["show_top"]

_PAUSE = 1.0
_SHARE = 1 / 20
_HEAD = ("ID", "STATUS", "DONE", "RUNNING", "TOTAL", "TIME", "LONGEST STEP", "FOR", "CPU", "MEMORY")


def show_top(folder: Path | None, *, as_json: bool = False) -> None:
    """Show the runs of a directory that go on, until ``q`` is pressed; once, where there is no terminal."""
    runs = _Runs((folder or Path(str(config["debug_workdir"]))).absolute())
    if as_json or not can_show(sys.stdout):
        runs.refresh()
        if not as_json and runs.live and sys.platform == "linux":
            time.sleep(0.2)  # how much of a processor is used is seen between two looks
            runs.refresh()
        text = json.dumps(runs.rows(), indent=2, ensure_ascii=False) if as_json else _as_text(runs)
        sys.stdout.write(text + "\n")
        return
    with ExitStack() as stack:
        pressed = stack.enter_context(keys())
        screen = Screen(sys.stdout)
        stack.callback(screen.clear)
        pause = 0.0
        while pressed.wait(pause) != "q":
            began = time.thread_time()
            runs.refresh()
            columns, lines = screen.size
            screen.draw([clip(line, columns - 1, screen.look) for line in _lines(runs, screen.look)][: lines - 1])
            pause = max(_PAUSE, (time.thread_time() - began) / _SHARE)


class _Runs:
    """The runs of a directory that go on.

    Attributes:
        live: by their directories, newest first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: dict[Path, LiveRun] = {}
        self._usage = _Usage()

    def refresh(self) -> None:
        """Look again."""
        before, self.live = self.live, {}
        for layout in list_runs(self.folder):
            if is_running(layout):
                self.live[layout.root] = before.get(layout.root) or LiveRun(layout)
        for run in self.live.values():
            run.catch_up()
        longest = [(run, _longest(run)) for run in self.live.values()]
        self._usage.look({_place(run, node): run.layout.id for run, node in longest if node is not None})

    def rows(self) -> list[dict[str, Any]]:
        """An object for each run, as ``--json`` prints it."""
        return [self._row(run, time.time()) for run in self.live.values()]

    def _row(self, run: LiveRun, now: float) -> dict[str, Any]:
        counts = steps_counted(run.view)
        node = _longest(run)
        used = self._usage.of.get(_place(run, node)) if node is not None else None
        copies = [copies for one in run.view.nodes.values() for copies in one.copies.values()]
        return {
            "id": run.layout.id,
            "status": "Suspended" if run.layout.suspended.exists() else run.status,
            "done": sum(count for phase, count in counts.items() if phase.is_final),
            "running": counts[Phase.RUNNING],
            "failed": counts[Phase.FAILED] + counts[Phase.ERROR],
            "total": sum(counts.values()) + sum(c.expected - len(c.nodes) for c in copies),
            "seconds": max(0.0, now - (run.view.started or now)),
            "step": None if node is None else node.key or node.display,
            "stepSeconds": None if node is None else node.seconds(now),
            "cpu": None if used is None else used.share,
            "memory": None if used is None else used.memory,
        }


def _longest(run: LiveRun) -> LiveNode | None:
    return next(iter(run.view.running.values()), None)


def _place(run: LiveRun, node: LiveNode) -> str:
    return str(run.layout.root / (node.directory or "?"))


@dataclass(slots=True)
class _Used:
    """What the processes of a step use.

    Attributes:
        memory: in bytes.
        share: of one processor, since the last look; None at the first.
        ticks: of the processor, by process.
    """

    memory: int = 0
    share: float | None = None
    ticks: dict[int, int] = field(default_factory=dict)


class _Usage:
    """What steps on this machine use now; where there is no ``/proc``, nothing.

    Attributes:
        of: by the directory of the step.
    """

    def __init__(self) -> None:
        self.of: dict[str, _Used] = {}
        self._looked = 0.0

    def look(self, places: dict[str, str]) -> None:
        """Look at the processes whose working directories are in these step directories."""
        before, self.of = self.of, {}
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        if not places or not Path("/proc/self/stat").exists():
            return
        for name in os.listdir("/proc"):
            place = _step_of(name, places) if name.isdigit() else None
            if place is not None:
                self._add(place, int(name))
        for place, used in self.of.items():
            earlier = before.get(place)
            if earlier is not None and passed > 0:
                ticks = sum(n - earlier.ticks.get(pid, 0) for pid, n in used.ticks.items())
                used.share = ticks / os.sysconf("SC_CLK_TCK") / passed

    def _add(self, place: str, pid: int) -> None:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        used = self.of.setdefault(place, _Used())
        used.ticks[pid] = int(fields[11]) + int(fields[12])
        used.memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def _step_of(pid: str, places: dict[str, str]) -> str | None:
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:  # of another user, or gone
        return None
    while len(folder) > 1:
        if folder in places:
            return folder
        folder = os.path.dirname(folder)
    return None


def _cells(row: dict[str, Any]) -> list[str]:
    return [
        clean(row["id"]),
        row["status"],
        f"{row['done']:,}",
        f"{row['running']:,}",
        f"{row['total']:,}",
        length(row["seconds"]),
        clean(row["step"] or "")[:40],
        length(row["stepSeconds"]),
        "" if row["cpu"] is None else f"{row['cpu']:.0%}",
        "" if row["memory"] is None else size_text(row["memory"]),
    ]


def _lines(runs: _Runs, look: Look) -> list[Line]:
    rows = runs.rows()
    if not rows:
        return [[Part(f"no run goes on in {clean(str(runs.folder))}", "dim")]]
    table = [list(_HEAD), *(_cells(row) for row in rows)]
    widths = [max(cells(row[index]) for row in table) for index in range(len(_HEAD))]
    lines: list[Line] = []
    for number, row in enumerate(table):
        phase = Phase.PENDING if row[1] == "Suspended" else None
        symbol = "  " if number == 0 else f"{look.symbol(phase or _phase(row[1]))} "
        line = [Part(symbol, "" if number == 0 else style_of(phase or _phase(row[1])))]
        text = "  ".join(cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True))
        lines.append([*line, Part(text.rstrip(), "bold" if number == 0 else "")])
    return lines


def _phase(text: str) -> Phase:
    try:
        return Phase(text)
    except ValueError:
        return Phase.ERROR


def _as_text(runs: _Runs) -> str:
    look = Look.of(getattr(sys.stdout, "encoding", None))
    return "\n".join(plain_text(line) for line in _lines(runs, look))
