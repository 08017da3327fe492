"""Who has started a run in the background may log out: it goes on when the terminal is gone."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from until import until

SCRIPT = """
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("w", id="w")
script = "touch ../../begun; until test -e ../../go; do sleep 0.05; done"
wf.add(Step("a", ShellOPTemplate("a", script=script), key="a"))
wf.add(Step("b", ShellOPTemplate("b", script="echo done"), key="b"))
wf.submit()
"""


def has_ended(pid):
    return os.waitpid(pid, os.WNOHANG)[0] == pid


@pytest.fixture
def login():
    """A shell that has a terminal of its own, in which it types a line: its id, and our end of the terminal."""
    opened = []

    def start(line: str) -> tuple[int, int]:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp("sh", ["sh"])  # noqa: S606 - this is a shell
        opened.append(terminal)
        os.write(terminal, f"{line}\n".encode())
        return pid, terminal

    yield start
    for terminal in opened:
        with suppress(OSError):  # the test has closed it
            os.close(terminal)


def read_until(terminal, text, seconds=30.0):
    said, end = "", time.monotonic() + seconds
    while text not in said:
        assert time.monotonic() < end, said
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096).decode(errors="replace")
    return said


@pytest.mark.parametrize("verb", ["run", "resume"])
def test_a_run_in_the_background_goes_on_when_its_terminal_is_closed(tmp_path, login, verb):
    (tmp_path / "script.py").write_text(SCRIPT)
    dflow = f"{shlex.quote(sys.executable)} -m dflow.cli"
    if verb == "run":
        line = f"DFLOW_DETACH=1 {dflow} run script.py && echo start''ed"
    else:
        line = (
            f"{dflow} run script.py & until test -e w/begun; do sleep 0.05; done; kill $!; wait $!; rm w/begun;"
            f" {dflow} resume w --detach && echo start''ed"
        )
    shell, terminal = login(line)
    read_until(terminal, "started")
    until((tmp_path / "w/begun").exists)
    os.close(terminal)
    until(lambda: has_ended(shell), 20)
    (tmp_path / "w/go").touch()
    until(lambda: (tmp_path / "w/status").read_text() == "Succeeded")
    assert (tmp_path / "w/b/log.txt").read_text() == "done\n"


def test_a_run_in_the_foreground_is_ended_with_its_terminal_and_can_be_gone_on_with(tmp_path, login):
    (tmp_path / "script.py").write_text(SCRIPT)
    shell, terminal = login(f"exec {shlex.quote(sys.executable)} -m dflow.cli run script.py")
    until((tmp_path / "w/begun").exists)
    os.close(terminal)
    until(lambda: has_ended(shell), 20)
    assert (tmp_path / "w/status").read_text() == "Terminated"
    (tmp_path / "w/go").touch()
    subprocess.run([sys.executable, "-m", "dflow.cli", "resume", "w"], check=True, capture_output=True)
    assert (tmp_path / "w/status").read_text() == "Succeeded"


def test_the_terminal_of_these_tests_sends_what_a_logout_sends(tmp_path, login):
    """Else the tests above would show nothing."""
    (tmp_path / "wait.sh").write_text("trap 'echo hup > said; exit' HUP; echo ready; while :; do sleep 0.1; done\n")
    shell, terminal = login("exec sh wait.sh")
    read_until(terminal, "ready")
    os.close(terminal)
    until((tmp_path / "said").exists)
    until(lambda: has_ended(shell))
    assert Path("said").read_text() == "hup\n"
