"""Requests from other processes are files."""

from __future__ import annotations

import os
import stat
import threading

import pytest
from dflow.engine.control import pending_requests, post_request, take_requests, wants_again
from dflow.engine.layout import RunLayout
from dflow.engine.node import Node
from dflow.engine.phase import Phase


@pytest.fixture
def layout(tmp_path):
    layout = RunLayout(tmp_path / "wf-1")
    layout.private.mkdir(parents=True)
    return layout


def test_requests_are_taken_in_the_order_in_which_they_came(layout):
    for number in range(12):
        post_request(layout, f"verb-{number}")
    assert [r["verb"] for r in take_requests(layout)] == [f"verb-{n}" for n in range(12)]


def test_a_request_is_taken_once(layout):
    post_request(layout, "stop")
    take_requests(layout)
    assert take_requests(layout) == []
    assert list(layout.control.iterdir()) == []


def test_requests_that_are_left_at_once_are_all_taken(layout):
    start = threading.Barrier(8)

    def leave(number):
        start.wait(5)
        post_request(layout, f"verb-{number}")

    threads = [threading.Thread(target=leave, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(r["verb"] for r in take_requests(layout)) == [f"verb-{n}" for n in range(8)]


def test_a_request_carries_its_arguments_and_who_sent_it(layout):
    post_request(layout, "retry", step="a")
    assert take_requests(layout) == [{"verb": "retry", "from": os.getpid(), "step": "a"}]


def test_requests_and_their_folder_are_private(layout):
    post_request(layout, "stop")
    assert stat.S_IMODE(layout.control.stat().st_mode) == 0o700
    assert [stat.S_IMODE(p.stat().st_mode) for p in layout.control.iterdir()] == [0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"verb": 7}', "\0"])
def test_a_damaged_request_is_removed_and_the_others_are_taken(layout, text):
    post_request(layout, "first")
    (layout.control / "2.json").write_text(text)
    post_request(layout, "third")
    assert [r["verb"] for r in take_requests(layout)] == ["first", "third"]
    assert list(layout.control.iterdir()) == []


def test_a_run_that_was_never_asked_has_no_requests(layout):
    assert take_requests(layout) == []


def test_looking_at_requests_leaves_them(layout):
    assert pending_requests(layout) == []
    path = post_request(layout, "stop")
    (layout.control / "2.json").write_text("{")
    assert pending_requests(layout) == ["stop"]
    assert path.exists()
    take_requests(layout)
    assert not path.exists()


def _node(name: str, phase: Phase) -> Node:
    return Node(f"id-{name}", f"wf.{name}", name, "Pod", "t", None, key=f"key-{name}", phase=phase)


NODES = [_node("good", Phase.SUCCEEDED), _node("bad", Phase.FAILED), _node("worse", Phase.ERROR)]


@pytest.mark.parametrize(
    ("requests", "failed", "expected"),
    [
        ([], True, None),
        ([{"verb": "retry"}], True, ["bad", "worse"]),
        ([{"verb": "retry", "steps": []}], True, ["bad", "worse"]),
        ([{"verb": "retry"}], False, None),
        ([{"verb": "retry", "steps": ["good"]}], False, ["good"]),
        ([{"verb": "retry", "steps": ["key-good"]}, {"verb": "retry", "steps": ["id-bad"]}], True, ["good", "bad"]),
        ([{"verb": "retry", "steps": ["good"]}, {"verb": "retry"}], True, ["good", "bad", "worse"]),
        ([{"verb": "retry", "steps": "good"}], False, None),
    ],
)
def test_which_steps_a_retry_means(requests, failed, expected):
    again = wants_again(requests, failed=failed)
    assert expected == (None if again is None else [node.display for node in NODES if again(node)])
