"""Real runs in real terminals: what a person sees while they go on, and what is left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from dflow import config
from dflow.terminal.display import chosen

HEAD = """
import logging, sys, threading, time
from dflow import ShellOPTemplate, Step, Workflow, argo_range
logging.basicConfig(stream=sys.stderr)
log = logging.getLogger("user")
log.setLevel("INFO")
def sh(name, script):
    return ShellOPTemplate(name, script=script)
wf = Workflow("wf", id="wf-1")
"""
pytestmark = pytest.mark.waiting  # screens that change in seconds
SLOW = HEAD + textwrap.dedent("""
    wf.add(Step("first", sh("first", "sleep 0.1")))
    loop = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo epoch $n; sleep 0.25; done"
    wf.add([Step("train", sh("train", loop)), Step("many", sh("many", "sleep 0.2"), with_param=argo_range(6))])
    wf.add(Step("last", sh("last", "true")))
""")
QUICK = HEAD + 'wf.add(Step("a", sh("a", "true")))\nwf.submit()\n'
SUBMIT = "wf.submit()\n"
STARTED = "Workflow is running locally (ID: wf-1)"
EPOCH = "│ epoch"
TREE = re.compile(r"● train|◷ last")


def test_a_run_is_shown_while_it_goes_on_and_its_summary_when_it_has_ended(in_terminal):
    terminal = in_terminal(SLOW + SUBMIT)
    terminal.until(lambda t: EPOCH in t.text)
    assert any(re.fullmatch(r"● wf-1  \d\.\d s  \d of 9 done, \d running", line) for line in terminal.lines)
    assert any(re.fullmatch(r"  ✔ first +0\.\d s", line) for line in terminal.lines)
    assert any(re.fullmatch(r"  ● many +\d\.\d s  [█·]{20}  \d/6  \d running", line) for line in terminal.lines) or any(
        re.fullmatch(r"  ✔ many +\d\.\d s  6/6", line) for line in terminal.lines
    )
    assert "  ◷ last" in terminal.lines
    terminal.end()
    assert terminal.status == 0
    lines = terminal.text.splitlines()
    assert lines[0] == STARTED
    assert lines[1] == "✔ wf-1"
    assert [line.split()[0] for line in lines[2:-1]] == ["time", "critical", "templates", "outputs"]
    assert lines[-1] == "Workflow wf-1 Succeeded"


def test_a_short_run_prints_what_it_always_did(in_terminal):
    terminal = in_terminal(QUICK).end()
    assert terminal.text == f"{STARTED}\nWorkflow wf-1 Succeeded"
    assert b"\x1b" not in terminal.raw or "● wf-1" in terminal.raw.decode(), "no frame, no escape sequence"


def test_what_is_printed_meanwhile_stands_above_undamaged(in_terminal):
    """It begins after the first line of dflow, and ends before the last: these may stand in the midst of a line."""
    talk = textwrap.dedent("""
        import pathlib
        def talk():
            while not list(pathlib.Path(".").glob("*/*/phase")):
                time.sleep(0.005)
            for n in range(250):
                print("printed line", n)
                log.info("logged line %d", n)
                sys.stdout.write("in ")
                sys.stdout.write("parts %d\\n" % n)
                time.sleep(0.009)
            sys.stderr.write("no end")
        thread = threading.Thread(target=talk)
        thread.start()
        wf.submit()
        thread.join()
    """)
    terminal = in_terminal(SLOW + talk).end()
    lines = terminal.text.splitlines()
    for kind in ("printed line {}", "INFO:user:logged line {}", "in parts {}"):
        wanted = [kind.format(n) for n in range(250)]
        assert [line for line in lines if line in set(wanted)] == wanted
    assert not TREE.search(terminal.text)
    rest = [line for line in lines if not re.fullmatch(r"(printed line|INFO:user:logged line|in parts) \d+", line)]
    assert rest[0] == STARTED
    assert "no end" in "".join(rest)


def test_streams_are_as_before_when_the_run_has_ended(in_terminal):
    check = textwrap.dedent("""
        before = sys.stdout, sys.stderr, dict(vars(sys.stdout)), dict(vars(sys.stderr))
        wf.submit()
        assert before == (sys.stdout, sys.stderr, vars(sys.stdout), vars(sys.stderr))
        assert [t.name for t in threading.enumerate()] == ["MainThread"]
        print("as before")
    """)
    assert in_terminal(SLOW + check).end().lines[-1] == "as before"


def test_ctrl_c_leaves_a_clean_terminal(in_terminal):
    terminal = in_terminal(SLOW + SUBMIT)
    terminal.until(lambda t: EPOCH in t.text)
    terminal.send(b"\x03")
    terminal.end()
    assert terminal.status != 0
    assert not TREE.search(terminal.text)
    assert "epoch" not in terminal.text
    assert terminal.lines[-1].startswith("KeyboardInterrupt: all running steps of wf-1 were ended")


def test_ctrl_z_takes_the_lines_away_and_they_come_again(in_terminal):
    command = ["bash", "--norc", "--noprofile", "-i"]
    terminal = in_terminal(command, PS1="$ ", PYTHON=sys.executable)
    Path("slow.py").write_text(SLOW + SUBMIT)
    terminal.until(lambda t: "$" in t.text)
    terminal.send(b"$PYTHON slow.py\n")
    terminal.until(lambda t: EPOCH in t.text)
    terminal.send(b"\x1a")
    terminal.until(lambda t: "Stopped" in t.text)
    assert not TREE.search(terminal.text)
    terminal.send(b"fg\n")
    terminal.until(lambda t: TREE.search(t.text))
    terminal.until(lambda t: "Succeeded" in t.text)
    assert not TREE.search(terminal.text)
    terminal.send(b"exit\n")
    terminal.end()


@pytest.mark.parametrize("sizes", [[(60, 12), (120, 40)], [(30, 5), (100, 24)], [(100, 4)]])
def test_another_size_is_obeyed(in_terminal, sizes):
    terminal = in_terminal(SLOW + SUBMIT)
    for columns, rows in sizes:
        terminal.until(lambda t: TREE.search(t.text))
        terminal.resize(columns, rows)
        drawn = terminal.raw.count(b"wf-1\x1b[0m  ")
        terminal.until(lambda t, before=drawn: t.raw.count(b"wf-1\x1b[0m  ") >= before + 2)
        assert sum(line.startswith("● wf-1") for line in terminal.lines) == 1, terminal.text
        assert len(terminal.lines) <= rows
    terminal.end()
    assert terminal.lines[-1] == "Workflow wf-1 Succeeded"


def test_a_failure_is_told_last_after_the_summary(in_terminal):
    fails = 'wf.add(Step("fails", sh("fails", "sleep 2.2; echo why; exit 3")))\nwf.submit()\n'
    lines = in_terminal(HEAD + fails).end().lines
    assert lines.index("✖ wf-1") < lines.index("Workflow wf-1 Failed") < lines.index("why")
    assert lines[-1].strip().startswith("retry: dflow retry wf-1")


@pytest.mark.parametrize(
    ("env", "shown"),
    [
        ({"DFLOW_PROGRESS": "none"}, "none"),
        ({"DFLOW_PROGRESS": "plain"}, "plain"),
        ({"TERM": "dumb"}, "plain"),
        ({"CI": "true"}, "plain"),
        ({"CI": "true", "DFLOW_PROGRESS": "live"}, "live"),
        ({"NO_COLOR": "1"}, "live"),
    ],
)
def test_the_environment_chooses(in_terminal, env, shown):
    terminal = in_terminal(SLOW + SUBMIT, **env).end()
    assert terminal.status == 0
    raw = terminal.raw.decode()
    assert ("\x1b[" in raw) == (shown == "live")
    assert ("train 3." in raw or "train 4." in raw) == (shown != "none")
    assert ("\x1b[32m" in raw) == (shown == "live" and "NO_COLOR" not in env)


def test_a_terminal_that_is_not_unicode_gets_ascii(in_terminal):
    terminal = in_terminal(SLOW + SUBMIT, PYTHONIOENCODING="iso-8859-1").end()
    assert terminal.raw.isascii()
    assert b"| epoch" in terminal.raw
    assert terminal.lines[-1] == "Workflow wf-1 Succeeded"


def plain(script, **env):
    env = {**os.environ, "DFLOW_PROGRESS": "auto", **env}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)


def test_where_there_is_no_terminal_there_are_lines_on_standard_error():
    done = plain(SLOW + SUBMIT)
    assert done.stdout == f"{STARTED}\nWorkflow wf-1 Succeeded\n"
    lines = done.stderr.splitlines()
    told = [re.match(r"\[ *\d+(\.\d)? s\] (. \w+)", line) for line in lines]
    assert [match[2] for match in told if match] == ["✔ first", "✔ many", "✔ train", "✔ last"]
    assert re.search(r"many \d\.\d s: 6 done", done.stderr)
    assert "  outputs   wf-1" in lines


def test_a_short_run_has_no_lines():
    done = plain(QUICK)
    assert (done.stdout, done.stderr) == (f"{STARTED}\nWorkflow wf-1 Succeeded\n", "")


def test_a_wrong_setting_is_said_and_the_run_is_run():
    done = plain(QUICK, DFLOW_PROGRESS="bar")
    assert "config['progress'] is 'bar'; it must be one of auto, live, plain, none" in done.stderr
    assert done.stdout.endswith("Succeeded\n")


def test_a_terminal_that_is_closed_ends_the_run_as_before(in_terminal):
    terminal = in_terminal(SLOW + SUBMIT)
    terminal.until(lambda t: EPOCH in t.text)
    terminal.signal(signal.SIGHUP)
    terminal.end()
    assert terminal.status == 128 + signal.SIGHUP
    assert not TREE.search(terminal.text)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_terminal_that_breaks_lines_anew_shows_one_tree(tmp_path):
    Path("slow.py").write_text(SLOW + SUBMIT)
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]

    def shown():
        command = [*tmux, "capture-pane", "-p", "-S", "-"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [line for line in done.stdout.splitlines() if line]

    def until(text):
        deadline = time.monotonic() + 30
        while not any(text in line for line in shown()):
            assert time.monotonic() < deadline, shown()
            time.sleep(0.1)

    command = f"DFLOW_PROGRESS=live {sys.executable} slow.py; sleep 60"
    subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "30", command], check=True)
    try:
        until("epoch")
        for columns in (40, 20, 120):
            subprocess.run([*tmux, "resize-window", "-x", str(columns), "-y", "30"], check=True)
            time.sleep(0.7)
            assert sum("last" in line for line in shown()) == 1, shown()
        until("Workflow wf-1 Succeeded")
        assert shown()[0] == STARTED
        end = shown()[shown().index("✔ wf-1") :]
        assert [line.split()[0] for line in end[1:5]] == ["time", "critical", "templates", "outputs"]
        assert not TREE.search("\n".join(shown()))
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


@pytest.mark.parametrize(
    ("progress", "isolation", "shown"),
    [("auto", "fork", "plain"), ("none", "fork", "none"), (None, "fork", "none"), ("plain", "inline", "none")],
)
def test_the_settings_choose(monkeypatch, progress, isolation, shown):
    monkeypatch.setitem(config, "progress", progress)
    monkeypatch.setitem(config, "isolation", isolation)
    assert chosen() == shown


def test_a_display_that_fails_does_not_break_the_run(in_terminal):
    broken = textwrap.dedent("""
        from dflow.terminal import frame
        calls = []
        def lines(self, *args):
            calls.append(args)
            if len(calls) > 3:
                raise RuntimeError("broken")
            return good(self, *args)
        good, frame.Frame.lines = frame.Frame.lines, lines
        wf.submit()
        assert len(calls) == 4
        assert not vars(sys.stdout).get("write")
        print("as before")
    """)
    terminal = in_terminal(SLOW + broken).end()
    assert terminal.lines == [STARTED, "Workflow wf-1 Succeeded", "as before"]
