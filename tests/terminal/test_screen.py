"""Lines at the bottom of a terminal, and what happens around them."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import textwrap
import threading

import pytest
from dflow.terminal.screen import Screen, can_show
from dflow.terminal.texts import Look, Part, cells, clean, clip, plain_text

pyte = pytest.importorskip("pyte")


@pytest.fixture
def terminal():
    """A stream on a pseudo terminal, and what it shows."""
    master, slave = pty.openpty()
    stream = os.fdopen(slave, "w", encoding="utf-8")
    screen = pyte.Screen(80, 24)
    feed = pyte.ByteStream(screen)

    def shown():
        stream.flush()
        while select.select([master], [], [], 0.05)[0]:
            feed.feed(os.read(master, 65536))
        return [line.rstrip() for line in screen.display if line.strip()]

    yield stream, shown
    stream.close()
    os.close(master)


def lines(*texts):
    return [[Part(text)] for text in texts]


def test_lines_take_the_place_of_those_before(terminal):
    stream, shown = terminal
    screen = Screen(stream)
    screen.draw(lines("one", "two", "three"))
    assert shown() == ["one", "two", "three"]
    screen.draw(lines("four"))
    assert shown() == ["four"]
    screen.clear()
    assert shown() == []


def test_what_handlers_print_that_kept_the_stream_stands_above(terminal):
    stream, shown = terminal
    kept = stream
    screen = Screen(stream)
    with screen.above(stream):
        screen.draw(lines("bottom"))
        print("first", file=kept)
        kept.writelines(["sec", "ond\nthird\n"])
        screen.draw(lines("bottom"))
        assert shown() == ["first", "second", "third", "bottom"]
        kept.write("half")
        screen.clear()
    assert shown() == ["first", "second", "third", "half"]
    assert "write" not in vars(stream)


@pytest.mark.waiting
def test_a_line_that_is_too_long_to_be_kept_loses_nothing(in_terminal):
    script = textwrap.dedent("""
        import sys
        from dflow.terminal.screen import Screen
        from dflow.terminal.texts import Part
        screen = Screen(sys.stdout)
        with screen.above(sys.stdout):
            screen.draw([[Part("bottom")]])
            print("LONG:" + "x" * 200_000, end="")
            for _ in range(100_000):
                print("y", end="")
            print("E")
            screen.clear()
    """)
    raw = in_terminal(script).end().raw
    assert raw.count(b"x") == 200_000
    assert raw.count(b"y") == 100_000
    assert raw.index(b"LONG:") < raw.index(b"x") < raw.index(b"y") < raw.index(b"E\r\n")


def test_bytes_for_the_buffer_stand_above_too(terminal):
    stream, shown = terminal
    screen = Screen(stream)
    with screen.above(stream):
        screen.draw(lines("bottom"))
        stream.buffer.write(b"bytes\n")
        other = io.TextIOWrapper(stream.buffer, encoding="utf-8", write_through=True)
        other.write("wrapped\n")
        other.detach()
        print("a: ", end="", file=stream)
        stream.buffer.write(memoryview("ü".encode()))
        print("!", file=stream)
        screen.draw(lines("bottom"))
        assert shown() == ["bytes", "wrapped", "a: ü!", "bottom"]
        stream.buffer.write(b"half")
        screen.clear()
    assert shown() == ["bytes", "wrapped", "a: ü!", "half"]
    assert "write" not in vars(stream.buffer)


def test_who_prints_what_cannot_be_encoded_gets_the_error(terminal):
    stream, shown = terminal
    with Screen(stream).above(stream):
        print("a", end="", file=stream)
        for end in ("", "\n"):
            with pytest.raises(UnicodeEncodeError):
                print("\udc80", end=end, file=stream)
        print("b", file=stream)
    assert "".join(shown()) == "ab"


def test_a_method_that_somebody_else_has_replaced_meanwhile_stays(terminal):
    stream, _ = terminal
    with Screen(stream).above(stream):
        ours = stream.write
        stream.write = lambda text: ours(text.upper())
        theirs = stream.write
    assert stream.write is theirs


def test_another_process_that_was_forked_prints_as_usual(terminal):
    stream, shown = terminal
    screen = Screen(stream)
    with screen.above(stream):
        screen.draw(lines("bottom"))
        screen._lock.acquire()  # as a thread of this process may hold it
        try:
            done = threading.Event()
            pid = os.fork()
            if pid == 0:
                stream.write("from the child\n")
                stream.flush()
                os._exit(0)
            os.waitpid(pid, 0)
            done.set()
        finally:
            screen._lock.release()
    assert "from the child" in shown()


def test_a_terminal_that_is_gone_breaks_nothing():
    master, slave = pty.openpty()
    stream = os.fdopen(slave, "w")
    screen = Screen(stream)
    os.close(master)
    screen.draw(lines("one"))
    screen.clear()
    assert screen.is_gone
    stream.close()


@pytest.mark.parametrize(("variable", "rows"), [("", 2), ("VTE_VERSION", 4)])
def test_lines_of_a_terminal_that_became_narrow_are_found_again(terminal, monkeypatch, variable, rows):
    for name in ("TMUX", "VTE_VERSION", "TERM_PROGRAM", "KITTY_WINDOW_ID", "WT_SESSION", "KONSOLE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("ALACRITTY_WINDOW_ID", raising=False)
    monkeypatch.delenv("GHOSTTY_RESOURCES_DIR", raising=False)
    if variable:
        monkeypatch.setenv(variable, "1")
    stream, _ = terminal
    screen = Screen(stream)
    screen.draw(lines("x" * 60, "y" * 60))
    monkeypatch.setenv("COLUMNS", "40")
    erased = screen._erased()
    assert erased.startswith(f"\r\x1b[{rows}A\x1b[2K")
    assert erased.count("\n") == rows


def test_only_a_terminal_that_can_move_its_cursor_can_show_lines(terminal, monkeypatch):
    stream, _ = terminal
    monkeypatch.setenv("TERM", "xterm")
    assert can_show(stream)
    assert not can_show(io.StringIO())
    for word in ("dumb", ""):
        monkeypatch.setenv("TERM", word)
        assert not can_show(stream)


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("é◷✔…│█", 6), ("温度", 4), ("e\u0301", 1), ("👩‍🔬", 2), ("", 0)]
)
def test_columns_are_those_of_a_terminal(text, width):
    assert cells(text) == width


def test_a_line_is_cut_at_its_width():
    line = [Part("abc"), Part("def温度温度", "red"), Part("ghi")]
    for width in range(20):
        cut = clip(line, width, Look())
        assert cells(plain_text(cut)) <= width
        cut = clip(line, width, Look(symbols=False))
        assert cells(plain_text(cut)) <= width


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "r\x00e\x9bd\r\n", "\x1b]8;;http://x\x1b\\red"]
)
def test_control_characters_are_not_shown(text):
    assert clean(text).isprintable()


@pytest.mark.waiting
def test_of_two_runs_at_once_one_is_shown(in_terminal):
    script = textwrap.dedent("""
        import threading
        from dflow import ShellOPTemplate, Step, Workflow
        def go(name):
            wf = Workflow(name, id=name)
            wf.add(Step("a", ShellOPTemplate("a", script="sleep 2.5")))
            wf.submit()
        threads = [threading.Thread(target=go, args=(name,)) for name in ("one", "two")]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    """)
    terminal = in_terminal(script).end()
    assert terminal.status == 0
    assert len([line for line in terminal.text.splitlines() if line.startswith("✔ ")]) == 1
    assert terminal.text.count("Succeeded") == 2


@pytest.mark.waiting
def test_a_workflow_that_a_step_submits_is_not_shown_in_its_log(tmp_path):
    script = textwrap.dedent("""
        from pathlib import Path
        from dflow import Step, Workflow
        from dflow.python import OP, OPIO, OPIOSign, PythonOPTemplate
        from dflow import ShellOPTemplate
        class Outer(OP):
            @classmethod
            def get_input_sign(cls):
                return OPIOSign({})
            @classmethod
            def get_output_sign(cls):
                return OPIOSign({})
            @OP.exec_sign_check
            def execute(self, op_in):
                wf = Workflow("inner")
                wf.add(Step("a", ShellOPTemplate("a", script="sleep 2.5")))
                wf.submit()
                return OPIO({})
        wf = Workflow("wf", id="wf-1")
        wf.add(Step("outer", PythonOPTemplate(Outer, image="python:3.11"), key="outer"))
        wf.submit()
    """)
    file = tmp_path / "nested.py"
    file.write_text(script)
    env = {**os.environ, "DFLOW_PROGRESS": "auto"}
    done = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, check=True, env=env)
    log = (tmp_path / "wf-1" / "outer" / "log.txt").read_text()
    assert "Succeeded" in log
    assert "✔" not in log
    assert "✔ outer" in done.stderr
