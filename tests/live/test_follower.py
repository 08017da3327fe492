"""A journal is followed from where the last reading ended."""

from __future__ import annotations

import json
import os

import pytest
from dflow.live.follower import Follower


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.jsonl"


def write(path, *texts, mode="a"):
    with path.open(mode) as stream:
        stream.write("".join(texts))


def test_each_event_is_given_once(journal):
    follower = Follower(journal)
    assert follower.read() == []
    write(journal, '{"n":1}\n{"n":2}\n')
    assert follower.read() == [{"n": 1}, {"n": 2}]
    assert follower.read() == []
    write(journal, '{"n":3}\n')
    assert follower.read() == [{"n": 3}]


def test_half_a_line_is_left_for_the_next_time(journal):
    follower = Follower(journal)
    write(journal, '{"n":1}\n{"n"')
    assert follower.read() == [{"n": 1}]
    assert follower.read() == []
    write(journal, ":2}\n")
    assert follower.read() == [{"n": 2}]


def test_a_torn_line_that_the_next_writer_cuts_is_never_seen(journal):
    follower = Follower(journal)
    write(journal, '{"n":1}\n{"n":')
    follower.read()
    write(journal, '{"n":1}\n{"m":2}\n', mode="w")
    assert follower.read() == [{"m": 2}]


def test_lines_that_are_no_objects_are_passed_over(journal):
    deep = "[" * 100_000
    write(journal, f'nonsense\n[1]\n\n"\\ud800"\n{deep}\n{{"n":1}}\n')
    assert Follower(journal).read() == [{"n": 1}]


def test_a_journal_that_was_replaced_is_read_from_its_beginning(journal, tmp_path):
    follower = Follower(journal)
    write(journal, '{"n":1}\n')
    follower.read()
    assert follower.starts == 1
    other = tmp_path / "other"
    write(other, '{"n":7}\n{"n":8}\n')
    other.replace(journal)
    assert follower.read() == [{"n": 7}, {"n": 8}]
    assert follower.starts == 2


def test_a_journal_that_became_shorter_is_read_from_its_beginning(journal):
    follower = Follower(journal)
    write(journal, '{"n":1}\n{"n":2}\n')
    follower.read()
    write(journal, '{"n":3}\n', mode="w")
    assert follower.read() == [{"n": 3}]


def test_a_long_journal_is_given_in_parts(journal):
    text = "".join(json.dumps({"n": n, "text": "x" * 1000}) + "\n" for n in range(9000))
    write(journal, text)
    follower, found, parts = Follower(journal), [], 0
    while new := follower.read():
        found += new
        parts += 1
    assert [event["n"] for event in found] == list(range(9000))
    assert parts == 3


def test_a_line_longer_than_what_is_read_at_once_is_given_whole(journal):
    write(journal, json.dumps({"text": "x" * (9 << 20)}) + '\n{"n":2}\n')
    follower = Follower(journal)
    (event,) = follower.read()
    assert len(event["text"]) == 9 << 20
    assert follower.read() == [{"n": 2}]


def test_a_journal_that_was_written_over_in_place_is_read_again(journal):
    follower = Follower(journal)
    write(journal, '{"n":1}\n{"n":2}\n')
    assert follower.read() == [{"n": 1}, {"n": 2}]
    with journal.open("r+") as stream:
        stream.write('{"m":1}\n{"m":2}\n{"m":3}\n')
    assert follower.read() == [{"m": 1}, {"m": 2}, {"m": 3}]
    assert follower.starts == 2


def test_what_has_no_end_is_not_read_at_once(journal):
    journal.touch()
    os.truncate(journal, 200 << 30)
    follower = Follower(journal)
    assert follower.read() == []
    assert follower.starts == 1
