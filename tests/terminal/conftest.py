"""Terminals that are looked at: a command in a pseudo terminal, and what a person would see there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest
from dflow import config
from dflow.compile import compile_workflow
from dflow.engine.run_directory import create_run
from dflow.live.run import LiveRun
from dflow.run_settings import run_settings

BEGAN = 1_000_000.0
SCREENS = Path(__file__).parent / "screens"


class Written:
    """A journal that is written by hand."""

    def __init__(self, live):
        self.live, self.root = live, live.layout.id
        self.event(event="workflow", phase="Running", at=BEGAN)
        self.node("", "Steps", "Running", 0, template="wf")

    def event(self, **fields):
        with self.live.layout.journal.open("a") as stream:
            stream.write(json.dumps(fields) + "\n")

    def node(self, path, type_, phase, begun=None, ended=None, **more):
        name = f"{self.root}[0]{path}" if path else self.root
        parent = name.rpartition(".")[0] if path.count(".") > 1 else self.root
        display = name.rpartition(".")[2]
        fields = {"id": name, "displayName": display, "parent": parent}
        fields["template"] = more.pop("template", display.partition("(")[0] if path else "wf")
        times = {k: BEGAN + v for k, v in (("started", begun), ("finished", ended)) if v is not None}
        self.event(event="node", name=name, type=type_, phase=phase, **fields, **times, **more)

    def loop(self, path, count):
        name = f"{self.root}[0]{path}"
        parent = name.rpartition(".")[0] if path.count(".") > 1 else self.root
        self.event(event="loop", name=name, parent=parent, count=count)


class Terminal:
    """A command in a pseudo terminal.

    Attributes:
        raw: all bytes that came from it.
        status: the exit status, once it has ended.
    """

    def __init__(self, command, columns, rows, env):
        pyte = pytest.importorskip("pyte", reason="what a terminal shows is looked at with pyte")
        self.raw, self.status = b"", None
        self._screen = pyte.HistoryScreen(columns, rows, history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ.update({"TERM": "xterm-256color", "DFLOW_PROGRESS": "auto"})
            for name in ("CI", "NO_COLOR", "TMUX", "TERM_PROGRAM", "COLUMNS", "LINES", "VTE_VERSION"):
                os.environ.pop(name, None)
            os.environ.update(env)
            os.execvp(command[0], command)  # noqa: S606 - no shell is needed
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def lines(self):
        """What is on the screen."""
        shown = [line.rstrip() for line in self._screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self):
        """What is on the screen, and what has been scrolled out of it."""
        gone = ["".join(row[column].data for column in range(self._screen.columns)) for row in self._screen.history.top]
        return "\n".join([*(line.rstrip() for line in gone), *self.lines])

    def resize(self, columns, rows):
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, data):
        os.write(self._fd, data)

    def signal(self, number):
        os.killpg(self.pid, number)

    def read(self, seconds=0.05):
        """Take in what comes; False when the command has ended."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._fd, 65536)
        except OSError:
            data = b""
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def until(self, condition, seconds=30):
        """Wait until something is to be seen."""
        deadline = time.monotonic() + seconds
        while not condition(self):
            assert time.monotonic() < deadline, f"it is not to be seen:\n{self.text}"
            assert self.read() or condition(self), f"it has ended before:\n{self.text}"
        return self

    def end(self, seconds=60):
        """Wait for the end of the command."""
        deadline = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < deadline, f"it does not end:\n{self.text}"
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self

    def close(self):
        """Close the terminal, as when its window is closed."""
        os.close(self._fd)
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def in_terminal(tmp_path):
    """Start a command, or a script, in a terminal."""
    opened = []

    def start(what, columns=100, rows=24, **env):
        command = what
        if isinstance(what, str):
            script = tmp_path / f"script{len(opened)}.py"
            script.write_text(what)
            command = [sys.executable, str(script)]
        opened.append(Terminal(command, columns, rows, env))
        return opened[-1]

    yield start
    for terminal in opened:
        with contextlib.suppress(OSError):  # the test has closed it
            terminal.close()


@pytest.fixture
def dflow():
    """The command."""
    return [sys.executable, "-m", "dflow.cli"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(config, "mode", "debug")


@pytest.fixture
def run_of(tmp_path):
    """The directory of a run that nobody runs, to be filled with a journal."""

    def make(workflow, name="wf-1"):
        graph = compile_workflow(workflow)
        layout = create_run(tmp_path / name, graph, run_settings(graph))
        return LiveRun(layout)

    return make


@pytest.fixture
def written(run_of, monkeypatch):
    """A run that somebody seems to run, with a journal that is written by hand."""
    monkeypatch.setattr("dflow.live.run.is_running", lambda _: True)
    return lambda workflow: Written(run_of(workflow))


@pytest.fixture
def golden_screen():
    """Compare what is on a screen with ``screens/NAME.txt``."""

    def compare(name, lines):
        file = SCREENS / f"{name}.txt"
        got = "\n".join(lines) + "\n"
        if os.environ.get("DFLOW_UPDATE_GOLDEN") == "1":
            file.write_text(got)
        assert file.is_file(), f"there is no screen {name}; set DFLOW_UPDATE_GOLDEN=1 to write it"
        assert got == file.read_text()

    return compare
