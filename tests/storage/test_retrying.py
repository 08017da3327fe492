"""When a call is tried again, how long, and what is said."""

from __future__ import annotations

import logging
import threading

import pytest
from dflow.storage.retrying import LONGEST_WAIT, Patience, Retrier, Stopped


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def __call__(self):
        return self.now

    def wait(self, _event, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def retrier(clock):
    def is_transient(error, _answered):
        return isinstance(error, ConnectionError)

    return Retrier("the store", is_transient, Patience(10, 120), clock=clock, wait=clock.wait)


def failing(*errors):
    """A call that raises these, one after the other, and then works."""
    left = list(errors)

    def attempt():
        if left:
            raise left.pop(0)
        return "done"

    return attempt


def always(error):
    def attempt():
        raise error

    return attempt


def test_what_fails_for_a_moment_is_tried_again(retrier, clock):
    assert retrier.call(failing(ConnectionError(), ConnectionError())) == "done"
    assert len(clock.waits) == 2


def test_what_cannot_go_away_is_raised_at_once(retrier, clock):
    with pytest.raises(ValueError, match="wrong"):
        retrier.call(always(ValueError("wrong")))
    assert clock.waits == []


def test_a_server_that_never_answered_is_given_up_soon(retrier, clock):
    with pytest.raises(ConnectionError, match="no"):
        retrier.call(always(ConnectionError("no")))
    assert clock.now == pytest.approx(10)


def test_a_server_that_has_answered_is_waited_for(retrier, clock):
    retrier.answered()
    with pytest.raises(ConnectionError, match="no"):
        retrier.call(always(ConnectionError("no")))
    assert clock.now == pytest.approx(120)


def test_waits_grow_up_to_a_limit_and_are_never_alike(retrier, clock):
    retrier.answered()
    with pytest.raises(ConnectionError):
        retrier.call(always(ConnectionError()))
    assert clock.waits[0] <= 0.1
    assert LONGEST_WAIT / 2 <= max(clock.waits) <= LONGEST_WAIT
    assert len(set(clock.waits)) == len(clock.waits)


def test_patience_begins_anew_with_each_piece_of_work(retrier, clock):
    series = retrier.series()
    for _ in range(100):
        series.failed(ConnectionError())
        series.went_well()
    assert len(clock.waits) == 100
    assert max(clock.waits) <= 0.1


def test_a_long_wait_is_logged_once_and_so_is_its_end(retrier, caplog):
    retrier.answered()
    caplog.set_level(logging.INFO, "dflow.storage")
    retrier.call(failing(*[ConnectionError("gone")] * 12))
    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "the store: gone; trying again for up to 120 s"
    assert said[1].startswith("the store: works again after ")
    assert len(said) == 2


def test_a_short_wait_is_not_worth_a_line(retrier, caplog):
    caplog.set_level(logging.INFO, "dflow.storage")
    retrier.call(failing(ConnectionError("gone")))
    assert caplog.records == []


def test_a_transfer_that_was_given_up_waits_no_longer(retrier):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        retrier.call(always(ConnectionError()), stop)
