"""``dflow watch`` and ``dflow top``: runs that other processes run."""

from __future__ import annotations

import importlib.util
import json
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

DFLOW = [sys.executable, "-m", "dflow.cli"]
SCRIPT = textwrap.dedent("""
    from dflow import ShellOPTemplate, Step, Workflow, argo_range
    wf = Workflow("wf", id="wf-1")
    loop = "while [ ! -e %s ]; do echo waiting; sleep 0.1; done"
    wf.add(Step("first", ShellOPTemplate("first", script="true"), with_param=argo_range(5), key="first-{{item}}"))
    wf.add(Step("train", ShellOPTemplate("train", script=loop)))
    wf.add(Step("last", ShellOPTemplate("last", script="%s")))
    wf.submit()
""")


def _terminals():
    """The fixture of ``tests/terminal``."""
    place = Path(__file__).parents[1] / "terminal" / "conftest.py"
    spec = importlib.util.spec_from_file_location("terminals", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


in_terminal = _terminals().in_terminal


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(config, "mode", "debug")


@pytest.fixture
def script(tmp_path):
    """A script whose workflow waits for a file; its name, and that of the file."""

    def make(last="true"):
        file = tmp_path / "go-on"
        place = tmp_path / "train.py"
        place.write_text(SCRIPT % (file, last))
        return str(place), file

    yield make
    subprocess.run([*DFLOW, "terminate", "wf-1"], capture_output=True, check=False)


@pytest.fixture
def started(script):
    """A detached run that waits for a file."""

    def start(last="true"):
        place, file = script(last)
        subprocess.run(
            [sys.executable, place], check=True, capture_output=True, env={**os.environ, "DFLOW_DETACH": "1"}
        )
        return file

    return start


def run(*words, check=False, **env):
    return subprocess.run(
        [*DFLOW, *words], capture_output=True, text=True, check=check, timeout=60, env={**os.environ, **env}
    )


def test_a_detached_run_is_followed_to_its_end_after_its_terminal_was_closed(script, in_terminal):
    place, file = script()
    first = in_terminal([*DFLOW, "run", place], DFLOW_DETACH="1").end()
    assert first.status == 0
    first.close()

    second = in_terminal([*DFLOW, "watch", "wf-1"])
    second.until(lambda t: "│ waiting" in t.text and "✔ first" in t.text and "◷ last" in t.text)
    file.touch()
    second.end()
    assert second.status == 0
    lines = second.text.splitlines()
    assert re.fullmatch(r"✔ wf-1  \d+(\.\d)? s  7 of 7 done", lines[0])
    assert [line.split()[1] for line in lines[1:4]] == ["first", "train", "last"]
    assert lines[-1] == "  outputs   wf-1"


def test_a_run_whose_terminal_is_closed_while_it_starts_detached_goes_on(script, in_terminal):
    place, file = script()
    first = in_terminal(["bash", "-c", f"DFLOW_DETACH=1 {sys.executable} {place}; sleep 60"])
    first.until(lambda _: Path("wf-1/status").exists() and Path("wf-1/status").read_text() == "Running")
    first.close()  # with all that runs in it

    second = in_terminal([*DFLOW, "watch", "@latest"])
    second.until(lambda t: "│ waiting" in t.text)
    file.touch()
    assert second.end().status == 0
    assert Path("wf-1/status").read_text() == "Succeeded"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_same_in_tmux(script, in_terminal, tmp_path):
    place, file = script()
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    command = f"DFLOW_DETACH=1 {sys.executable} {place}; sleep 60"
    subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "30", "sh", "-c", command], check=True)
    deadline = time.monotonic() + 30
    while not Path("wf-1/status").exists() or Path("wf-1/status").read_text() != "Running":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    subprocess.run([*tmux, "kill-server"], check=True)

    second = in_terminal([*DFLOW, "watch", "wf-1"])
    second.until(lambda t: "│ waiting" in t.text)
    file.touch()
    assert second.end().status == 0
    assert Path("wf-1/status").read_text() == "Succeeded"


def test_the_exit_status_tells_of_a_failure(started):
    file = started(last="exit 3")
    file.touch()
    done = run("watch", "wf-1", "--plain")
    assert done.returncode == 1
    assert "✖ last" in done.stdout
    assert done.stderr == ""


def test_plain_lines_are_told_where_there_is_no_terminal(started):
    file = started()
    watching = subprocess.Popen([*DFLOW, "watch", "wf-1"], stdout=subprocess.PIPE, text=True)
    time.sleep(2)
    file.touch()
    text, _ = watching.communicate(timeout=60)
    assert watching.returncode == 0
    assert "\x1b" not in text
    assert re.search(r"^\[ *\d+(\.\d)? s\] ✔ train ", text, re.MULTILINE)
    assert "  outputs   wf-1" in text.splitlines()


@pytest.mark.parametrize(("key", "status"), [(b"q", 0), (b"\x03", 130)])
def test_q_and_ctrl_c_leave_the_run_alone(started, in_terminal, key, status):
    file = started()
    watching = in_terminal([*DFLOW, "watch", "wf-1"])
    watching.until(lambda t: "│ waiting" in t.text)
    watching.send(key)
    watching.end()
    assert watching.status == status
    assert "waiting" not in watching.text
    assert run("get", "wf-1").stdout.count("Running")
    file.touch()
    assert run("wait", "wf-1").returncode == 0


def test_the_keyboard_is_as_before(started, in_terminal):
    started()
    command = f"stty -g > before; {' '.join(DFLOW)} watch wf-1; stty -g > after; echo over"
    terminal = in_terminal(["bash", "-c", command])
    terminal.until(lambda t: "│ waiting" in t.text)
    terminal.send(b"q")
    terminal.until(lambda t: "over" in t.text)
    terminal.end()
    assert Path("before").read_text() == Path("after").read_text()


def test_of_a_run_that_has_ended_its_calls_and_its_summary_are_printed(started):
    file = started()
    file.touch()
    run("wait", "wf-1", check=True)
    done = run("watch", "@latest")
    assert done.returncode == 0
    assert [line.split()[1] for line in done.stdout.splitlines()[:4]] == ["wf-1", "first", "train", "last"]


def test_a_run_whose_runner_is_killed_is_over(started):
    started()
    watching = subprocess.Popen([*DFLOW, "watch", "wf-1"], stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    os.kill(int(Path("wf-1/pid").read_text()), signal.SIGKILL)
    text, _ = watching.communicate(timeout=60)
    assert watching.returncode == 1
    assert "■ wf-1" in text
    assert "◷ train" in text


def test_a_run_that_is_not_there_is_an_error():
    done = run("watch", "nothing")
    assert done.returncode == 1
    assert "there is no run 'nothing'" in done.stderr


def test_top_prints_once_what_runs(started):
    file = started()
    deadline = time.monotonic() + 20
    while "train" not in (text := run("top", check=True).stdout):
        assert time.monotonic() < deadline, text
    head, row = text.splitlines()
    assert head.split()[:6] == ["ID", "STATUS", "DONE", "RUNNING", "TOTAL", "TIME"]
    assert row.split()[:5] == ["●", "wf-1", "Running", "5", "1"]
    if sys.platform == "linux":
        assert row.endswith(("KB", "MB")), "the shell's memory"
    file.touch()
    run("wait", "wf-1", check=True)
    assert run("top", check=True).stdout.startswith("no run goes on in ")


def test_top_of_another_directory(started, tmp_path):
    started()
    (tmp_path / "empty").mkdir()
    assert "wf-1" not in run("top", "--dir", "empty", check=True).stdout
    os.chdir(tmp_path / "empty")
    assert "wf-1" in run("top", "--dir", str(tmp_path), check=True).stdout
    os.chdir(tmp_path)


def test_top_goes_on_in_a_terminal_until_q(started, in_terminal):
    file = started()
    top = in_terminal([*DFLOW, "top"])
    top.until(lambda t: "wf-1" in t.text and "train" in t.text)
    file.touch()
    top.until(lambda t: "no run goes on" in t.text)
    top.send(b"q")
    assert top.end().status == 0
    assert top.text == ""


def test_rows_of_top_can_be_read_by_programs(started):
    from dflow.terminal.top import _Runs

    started()
    runs = _Runs(Path.cwd())
    deadline = time.monotonic() + 20
    while not runs.live or runs.rows()[0]["step"] != "train":
        assert time.monotonic() < deadline
        runs.refresh()
        time.sleep(0.1)
    (row,) = json.loads(json.dumps(runs.rows()))
    assert (row["id"], row["status"], row["done"], row["running"]) == ("wf-1", "Running", 5, 1)
