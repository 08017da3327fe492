"""One runner for one workflow."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time

import pytest
from dflow.engine.errors import LeaseHeld, LeaseLost
from dflow.engine.layout import RunLayout
from dflow.engine.lease import HEARTBEAT, holder, is_running, lease, silence
from dflow.engine.process import hostname, is_same_process, start_time


@pytest.fixture
def layout(tmp_path):
    layout = RunLayout(tmp_path / "wf-1")
    layout.private.mkdir(parents=True)
    return layout


@pytest.fixture
def dead_pid():
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def _held_by(layout, **changes):
    data = {"host": hostname(), "pid": os.getpid(), "start": start_time(os.getpid()), "fence": 4, **changes}
    layout.lease.write_text(json.dumps(data))


def test_a_lease_says_who_holds_it_and_is_gone_afterwards(layout):
    with lease(layout):
        assert holder(layout) == {"host": hostname(), "pid": os.getpid(), "start": start_time(os.getpid()), "fence": 1}
        assert layout.pid.read_text() == str(os.getpid())
        assert is_running(layout)
    assert holder(layout) is None
    assert not is_running(layout)


def test_a_lease_is_private(layout):
    with lease(layout):
        assert stat.S_IMODE(layout.lease.stat().st_mode) == 0o600


def test_a_lease_is_given_back_after_an_error(layout):
    with pytest.raises(ZeroDivisionError), lease(layout):
        raise ZeroDivisionError
    assert not layout.lease.exists()


def test_a_second_holder_is_refused_and_told_how_to_watch(layout):
    with lease(layout):
        with pytest.raises(LeaseHeld) as caught, lease(layout):
            pass
        assert holder(layout) is not None
    place = f"process {os.getpid()} on {hostname()}"
    assert str(caught.value) == f"workflow wf-1 is being run by {place}; watch it with: dflow watch wf-1"


def test_of_many_that_come_at_once_one_holds_the_lease(layout):
    start, done, held = threading.Barrier(8), threading.Barrier(8), []

    def contend():
        start.wait(5)
        try:
            with lease(layout):
                held.append("held")
                done.wait(5)
        except LeaseHeld:
            held.append("refused")
            done.wait(5)

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(held) == ["held"] + ["refused"] * 7


def test_a_lease_of_a_dead_process_is_taken_over_and_the_fence_counts_up(layout, dead_pid):
    _held_by(layout, pid=dead_pid)
    assert not is_running(layout)
    with lease(layout):
        assert holder(layout)["fence"] == 5


def test_a_lease_of_another_host_is_refused_with_the_way_out(layout, dead_pid):
    _held_by(layout, host="elsewhere", pid=dead_pid)
    with pytest.raises(LeaseHeld) as caught:
        lease(layout).__enter__()
    assert str(caught.value) == (
        f"workflow wf-1 is being run by process {dead_pid} on elsewhere (which gives signs of life); "
        "when that is certainly gone: dflow resume wf-1 --takeover"
    )
    assert holder(layout)["host"] == "elsewhere"


def _last_sign_of_life(layout, seconds_ago):
    then = time.time() - seconds_ago
    os.utime(layout.lease, (then, then))


def test_another_host_that_gives_no_sign_of_life_is_said_to(layout):
    _held_by(layout, host="elsewhere")
    assert silence(layout) is None
    _last_sign_of_life(layout, 90)
    assert 89 < silence(layout) < 95
    assert is_running(layout)
    with pytest.raises(LeaseHeld, match=r"on elsewhere \(no sign of life for 9\d s\); when that is certainly gone"):
        lease(layout).__enter__()


def test_silence_of_this_host_is_no_matter(layout):
    _held_by(layout)
    _last_sign_of_life(layout, 90)
    assert silence(layout) is None


def test_a_lease_of_another_host_is_taken_over_on_demand(layout):
    _held_by(layout, host="elsewhere")
    _last_sign_of_life(layout, 90)
    begun = time.monotonic()
    with lease(layout, takeover=True) as hold:
        assert time.monotonic() - begun < 1
        assert (holder(layout)["host"], holder(layout)["fence"], hold.fence) == (hostname(), 5, 5)


def test_a_host_that_lives_has_time_to_end_its_steps_when_it_is_taken_over(layout):
    _held_by(layout, host="elsewhere")
    begun = time.monotonic()
    with lease(layout, takeover=True, settle=0.3):
        assert time.monotonic() - begun >= 0.3


def test_a_live_process_of_this_host_is_not_taken_over(layout):
    _held_by(layout)
    with pytest.raises(LeaseHeld), lease(layout, takeover=True):
        pass


def test_a_holder_notices_that_it_was_taken_over_and_leaves_the_new_lease_alone(layout):
    with lease(layout) as hold:
        hold.check()
        layout.lease.unlink()
        _held_by(layout, host="elsewhere", pid=7)
        with pytest.raises(LeaseLost, match="wf-1 was taken over by process 7 on elsewhere"):
            hold.check()
    assert holder(layout)["host"] == "elsewhere"


def test_a_holder_whose_lease_was_removed_goes_no_further(layout):
    with lease(layout) as hold:
        layout.lease.unlink()
        with pytest.raises(LeaseLost, match="or removed"):
            hold.beat()
    assert not layout.lease.exists()


def test_a_holder_gives_a_sign_of_life_every_few_seconds(layout, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr("dflow.engine.lease.time.monotonic", lambda: now)
    with lease(layout) as hold:
        _last_sign_of_life(layout, 1000)
        hold.beat()
        assert time.time() - layout.lease.stat().st_mtime > 900
        now += HEARTBEAT
        hold.beat()
        assert time.time() - layout.lease.stat().st_mtime < 10


@pytest.mark.skipif(sys.platform != "linux", reason="start times are known on Linux only")
def test_a_process_that_got_the_number_of_the_holder_is_not_the_holder(layout):
    _held_by(layout, start="1")
    assert not is_running(layout)
    with lease(layout):
        assert holder(layout)["fence"] == 5


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_lease_holds_nobody(layout, text):
    layout.lease.write_text(text)
    with lease(layout):
        assert holder(layout)["pid"] == os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="zombies are told apart on Linux only")
def test_a_zombie_is_not_alive():
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None
    assert not is_same_process(process.pid, None)
    process.wait()


def test_this_process_is_the_same_process():
    assert is_same_process(os.getpid(), start_time(os.getpid()))
