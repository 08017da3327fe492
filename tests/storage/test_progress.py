"""How far a transfer is, told to a callback, the log or a terminal."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys

import pytest
from dflow.storage import progress as module
from dflow.storage.progress import human_size, progress


def test_a_callback_is_told_of_every_step():
    told = []
    with progress("sending", 10, report=lambda done, total: told.append((done, total))) as meter:
        meter.add(4)
        meter.add(6)
    assert told == [(4, 10), (10, 10)]


def test_what_is_over_at_once_says_nothing(caplog, capsys):
    caplog.set_level(logging.INFO, "dflow.storage")
    with progress("sending", 10) as meter:
        meter.add(10)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_a_long_transfer_without_a_terminal_is_logged(caplog, monkeypatch):
    monkeypatch.setattr(module, "QUIET", 0.0)
    caplog.set_level(logging.INFO, "dflow.storage")
    with progress("sending x", 2_000_000) as meter:
        meter.add(1_000_000)
        meter.add(1_000_000)
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "sending x: 1.0 MB of 2.0 MB"
    assert said[1].startswith("sending x: 2.0 MB in ")
    assert len(said) == 2


def test_a_long_transfer_shows_one_bar_on_a_terminal():
    script = (
        "from dflow.storage import progress as p; p.QUIET = 0\n"
        "with p.progress('sending x', 100) as one, p.progress('sending y', 100) as two:\n"
        "    one.add(50); two.add(50); one.add(50)\n"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run([sys.executable, "-c", script], stderr=theirs, env=environment, check=False, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0, shown
    assert "sending x" in shown
    assert "sending y" not in shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e9, "2.0 GB"), (3e13, "30.0 TB")]
)
def test_sizes_are_written_for_people(count, text):
    assert human_size(count) == text
