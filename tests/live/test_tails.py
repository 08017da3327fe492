"""The ends of logs."""

from __future__ import annotations

import io
import os
import resource
import time

import pytest
from dflow.live.tails import LogFollower, last_line, last_lines_at, printable, tail, without_controls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\n", "two"),
        ("one\n\n  \n", "one"),
        ("", ""),
        ("10 %\r20 %\r", "20 %"),
        ("\x1b[31mred\x1b[0m\n", "red"),
        ("\x1b]0;title\x07text\n", "text"),
        ("a\x00b\x08c\n", "abc"),
        ("half a line", "half a line"),
    ],
)
def test_the_newest_line_that_a_person_can_read(tmp_path, text, shown):
    log = tmp_path / "log.txt"
    log.write_text(text, newline="")
    assert last_line(log) == shown


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert last_line(tmp_path / "none") == tail(tmp_path / "none", 3) == ""


def test_the_last_lines_are_found_in_a_log_of_a_gigabyte(tmp_path):
    log = tmp_path / "log.txt"
    log.touch()
    os.truncate(log, 2**30)
    with log.open("ab") as stream:
        stream.write(b"\nfirst\nsecond\n")
    assert tail(log, 2) == "first\nsecond\n"
    assert last_line(log) == "second"


def test_no_escape_sequence_reaches_a_terminal():
    assert without_controls("\x1b]52;c;aGk=\x1b\\a\x9b31mb\x1b(Bc\u202ed\te") == "abcd\te"


def test_a_log_is_followed_and_begun_anew_when_it_was_replaced(tmp_path):
    log = tmp_path / "log.txt"
    follower = LogFollower(log)
    assert follower.read() == b""
    log.write_bytes(b"one\n")
    assert follower.read() == b"one\n"
    assert follower.read() == b""
    other = tmp_path / "other"
    other.write_bytes(b"anew, and longer\n")
    other.replace(log)
    assert follower.read() == b"anew, and longer\n"
    log.write_bytes(b"x")
    assert follower.read() == b"x"
    follower.close()


def test_a_log_that_is_set_aside_is_read_to_its_end_before_the_next(tmp_path):
    log, aside = tmp_path / "log.txt", tmp_path / "log.bk"
    log.write_bytes(b"try 0\n")
    follower = LogFollower(log)
    assert follower.read() == b"try 0\n"
    log.rename(aside)
    with aside.open("ab") as stream:
        stream.write(b"last words\n")
    assert follower.read() == b"last words\n"
    assert follower.read() == b""
    assert follower.replaced == 0
    with aside.open("ab") as stream:
        stream.write(b"and more\n")
    log.write_bytes(b"try 1, which is longer than the one before it\n")
    assert [follower.read(), follower.read()] == [b"and more\n", log.read_bytes()]
    assert (follower.replaced, follower.offset) == (1, log.stat().st_size)
    follower.close()


@pytest.mark.parametrize(
    ("offset", "lines", "found"), [(0, 1, b"three\n"), (4, None, b"two\nthree\n"), (99, None, b"one\n")]
)
def test_following_begins_with_the_last_lines_or_at_an_offset(tmp_path, offset, lines, found):
    log = tmp_path / "log.txt"
    follower = LogFollower(log, offset, lines=lines)
    log.write_bytes(b"one\ntwo\nthree\n")
    assert follower.read().startswith(found)
    follower.close()


def test_what_is_printed_in_several_lines_hides_nothing():
    assert printable("a\rb\n\x1b[2Jc\td") == "a b\nc\td"


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"one", b"one\n", b"a\nb\nc", b"a\nb\nc\n", b"\n\n\n", b"x" * 200_000 + b"\ny\n"]
)
@pytest.mark.parametrize("count", [None, 0, 1, 2, 3, 9])
def test_last_lines_are_those_of_the_text(text, count):
    lines = text.splitlines(keepends=True)
    wanted = lines if count is None else lines[len(lines) - min(count, len(lines)) :]
    assert text[last_lines_at(io.BytesIO(text), count) :] == b"".join(wanted)


def test_last_lines_of_a_large_log_need_little_memory_and_time(tmp_path):
    log = tmp_path / "log.txt"
    with log.open("wb") as stream:
        stream.truncate(1 << 30)
        stream.seek(0, io.SEEK_END)
        stream.write(b"\nlast but one\nlast\n")
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with log.open("rb") as stream:
        stream.seek(last_lines_at(stream, 2))
        assert stream.read() == b"last but one\nlast\n"
    assert time.monotonic() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
