"""The ends of logs."""

from __future__ import annotations

import os

import pytest
from dflow.live.tails import LogFollower, last_line, tail, without_controls


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
