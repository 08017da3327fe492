"""The journal is an index: what is damaged in it is passed over."""

from __future__ import annotations

import errno
import os
import stat

import pytest
from dflow.engine.errors import StateError
from dflow.engine.journal import Journal, read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def _write(path, *events):
    journal = Journal(path)
    for event in events:
        journal.append(event)
    journal.close()


def test_events_come_back_in_order(path):
    _write(path, {"n": 1}, {"n": 2})
    _write(path, {"n": 3})
    assert [e["n"] for e in read_events(path)] == [1, 2, 3]


def test_a_journal_that_is_not_there_has_no_events(path):
    assert list(read_events(path)) == []


def test_a_torn_last_line_is_cut_by_the_next_writer(path):
    _write(path, {"n": 1})
    with path.open("a") as stream:
        stream.write('{"n": 2, "te')
    assert [e["n"] for e in read_events(path)] == [1]
    _write(path, {"n": 3})
    assert path.read_text() == '{"n":1}\n{"n":3}\n'


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 20_000])
def test_a_torn_line_of_any_length_is_cut(path, size):
    path.write_text('{"n":1}\n' + "x" * size)
    _write(path)
    assert path.read_text() == '{"n":1}\n'


def test_a_journal_that_is_one_torn_line_becomes_empty(path):
    path.write_text("x" * 5000)
    _write(path)
    assert path.read_bytes() == b""


def test_a_whole_journal_is_not_cut(path):
    path.write_text('{"n":1}\n' * 2000)
    _write(path)
    assert len(path.read_text()) == 8 * 2000


@pytest.mark.parametrize("garbage", ["", "{", "[1]", "7", "null", "\0\0\0", '"text"'])
def test_lines_that_are_no_objects_are_skipped(path, garbage):
    path.write_text(f'{{"n":1}}\n{garbage}\n{{"n":2}}\n')
    assert [e["n"] for e in read_events(path)] == [1, 2]


def test_texts_of_all_languages_come_back(path):
    text = "é 漢字 😀 \u2028 \x85 \n"
    _write(path, {"text": text}, {"n": 2})
    assert [e.get("text") for e in read_events(path)] == [text, None]


def test_bytes_that_are_no_utf_8_do_no_harm(path):
    path.write_bytes(b'{"n":"\xff"}\n{"n":2}\n')
    assert [e["n"] for e in read_events(path)][-1] == 2


def test_a_journal_is_private(path):
    _write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_event_that_cannot_be_written_is_a_state_error(path, monkeypatch):
    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StateError, match=r"journal\.jsonl: No space left"):
            journal.append({})
    journal.close()
