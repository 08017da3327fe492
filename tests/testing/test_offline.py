"""Tests that are offline: every use of the network is refused, here and in steps, and named."""

# ruff: noqa: F821, UP037 - outputs of function OPs are named in annotations

from __future__ import annotations

import os
import socket
import threading

import pytest
from dflow.python import OP
from dflow.python.offline import VARIABLE
from dflow.testing import NetworkBlocked, offline, run_op, run_workflow

pytest_plugins = "pytester"


@OP.function
def connect(host: str, port: int) -> {"said": str}:
    import socket

    with socket.create_connection((host, port), timeout=5) as connection:
        return {"said": connection.recv(2).decode()}


@OP.function
def hides(host: str) -> {"ok": bool}:
    import socket

    try:
        socket.create_connection((host, 80), timeout=5)
    except Exception:  # noqa: BLE001 - that is what it is about
        return {"ok": False}
    return {"ok": True}


@pytest.fixture
def port():
    """A server of this machine that says hi."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hi")

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "2001:db8::1"])
def test_the_address_and_the_op_are_named(host, isolated):
    shown = f"[{host}]" if ":" in host else host
    with offline() as refused, pytest.raises(NetworkBlocked, match="this test is offline") as caught:
        run_op(connect, host=host, port=80, isolated=isolated)
    assert str(caught.value).startswith(f"OP connect wanted to connect to {shown}:80, but this test is offline.")
    assert refused == [f"OP connect wanted to connect to {shown}:80"]


@pytest.mark.parametrize("isolated", [False, True])
def test_this_machine_can_be_allowed(port, isolated):
    with offline(loopback=True) as refused:
        assert run_op(connect, host="127.0.0.1", port=port, isolated=isolated)["said"] == "hi"
        assert run_op(connect, host="localhost", port=port, isolated=isolated)["said"] == "hi"
    assert refused == []
    with offline(), pytest.raises(NetworkBlocked, match=r"127.0.0.1:\d+, but .* or allow this machine"):
        run_op(connect, host="127.0.0.1", port=port, isolated=isolated)
    assert run_op(connect, host="127.0.0.1", port=port)["said"] == "hi"


def test_datagrams_lookups_and_listening_are_refused_and_unix_sockets_are_not(tmp_path):
    with offline() as refused:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            with pytest.raises(NetworkBlocked, match=r"the test wanted to send to 192.0.2.1:53"):
                datagrams.sendto(b"x", ("192.0.2.1", 53))
            with pytest.raises(NetworkBlocked, match=r"wanted to listen on 0.0.0.0"):
                datagrams.bind(("0.0.0.0", 0))  # noqa: S104 - it is refused
        with pytest.raises(NetworkBlocked, match=r"wanted to look up example.org"):
            socket.gethostbyname("example.org")
        one, other = socket.socketpair()
        with one, other, socket.socket(socket.AF_UNIX) as server:
            one.sendall(b"x")
            assert other.recv(1) == b"x"
            server.bind(os.path.relpath(tmp_path / "s"))
        with pytest.raises(NetworkBlocked, match=r"wanted to look up the name of 192.0.2.1"):
            socket.getnameinfo(("192.0.2.1", 80), 0)
    assert len(refused) == 4


def test_a_look_whether_there_are_sockets_is_no_use_of_the_network():
    with offline() as refused, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))  # as urllib3 does when it is loaded
    assert refused == []


def test_what_an_op_hides_is_known_all_the_same():
    with offline() as refused:
        assert run_op(hides, host="example.org", isolated=True)["ok"] is False
        assert run_op(hides, host="example.net")["ok"] is False
    assert refused == [f"OP hides wanted to connect to example.{name}:80" for name in ("org", "net")]


def test_everything_is_allowed_again_afterwards(port):
    before = os.environ.get(VARIABLE)
    with offline(), offline(loopback=True):
        assert os.environ[VARIABLE].startswith("loopback:")
    assert os.environ.get(VARIABLE) == before
    assert run_op(connect, host="127.0.0.1", port=port, isolated=True)["said"] == "hi"


TESTS = """
import socket

@OP.function
def fetch(hide: bool) -> {"n": int}:
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    except Exception:
        if not hide:
            raise
    return {"n": 1}

def fetching():
    wf = Workflow("w")
    wf.add(Step("fetch", PythonOPTemplate(fetch), parameters={"hide": True}))
    return wf

def test_op(run_op):
    run_op(fetch, hide=False)

def test_hidden(run_op):
    run_op(fetch, hide=True)

def test_hidden_in_a_step(run_workflow):
    run_workflow(fetching())

def test_good(run_op):
    run_op(repeat, n=1, data="x")

@pytest.fixture
def fetched():
    return fetch(hide=False)

def test_fixture(fetched):
    pass
"""


def test_the_option_keeps_tests_their_fixtures_and_their_steps_off_the_network(check):
    result = check(TESTS, "--dflow-offline")
    result.assert_outcomes(failed=3, passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*NetworkBlocked: the test wanted to connect to 192.0.2.1:80*",
            "*NetworkBlocked: OP fetch wanted to connect to 192.0.2.1:80*",
            "*test_hidden*",
            "this test is offline, and was refused the network:",
            "OP fetch wanted to connect to 192.0.2.1:80",
            "*test_hidden_in_a_step*",
            "OP fetch wanted to connect to 192.0.2.1:80",
        ]
    )


def test_the_setting_the_marker_and_the_fixture_do_the_same(check, pytester):
    source = """
import socket

def speak():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", 9))

def test_free():
    speak()

@pytest.mark.dflow_offline
def test_marker():
    speak()

@pytest.mark.dflow_offline(loopback=True)
def test_loopback():
    speak()

def test_fixture(dflow_offline):
    speak()
"""
    check(source, "--strict-markers").assert_outcomes(passed=2, failed=2, errors=1)
    (pytester.path / "pytest.ini").write_text("[pytest]\ndflow_offline = true\n")
    check(None).assert_outcomes(passed=1, failed=3, errors=1)
    check(None, "--dflow-loopback").assert_outcomes(passed=3, failed=1, errors=1)


def test_a_workflow_says_which_op_it_was():
    from dflow import Step, Workflow
    from dflow.python import PythonOPTemplate

    wf = Workflow("w")
    wf.add(Step("get", PythonOPTemplate(connect), parameters={"host": "192.0.2.1", "port": 80}))
    with offline() as refused:
        run = run_workflow(wf, folder=".", expect="Failed")
    assert "OP connect wanted to connect to 192.0.2.1:80" in run.step("get").message
    assert refused == ["OP connect wanted to connect to 192.0.2.1:80"]


def test_use_of_the_network_is_not_hidden_by_skipping_or_in_the_end_of_a_fixture(check):
    source = """
import socket

def speak():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))

def speak_or_skip():
    try:
        speak()
    except OSError:
        pytest.skip("no network")

def test_skips():
    speak_or_skip()

@pytest.fixture
def skips():
    speak_or_skip()

def test_skipped_by_a_fixture(skips):
    pass

@pytest.fixture
def speaks_at_its_end():
    yield
    try:
        speak()
    except OSError:
        pass

def test_end(speaks_at_its_end):
    pass

def test_honest_skip():
    pytest.skip("not today")
"""
    result = check(source, "--dflow-offline")
    result.assert_outcomes(failed=1, errors=2, passed=1, skipped=1)
    assert result.stdout.str().count("the test wanted to connect to 192.0.2.1:9") == 3


@pytest.mark.parametrize("hides", ["pass", "pytest.skip('no network', allow_module_level=True)"])
def test_loading_a_test_file_is_offline_too(check, hides):
    source = f"""
import socket

try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))
except OSError:
    {hides}

def test_good():
    pass
"""
    result = check(source, "--dflow-offline")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["loading it was refused the network*", "the test wanted to connect to 192.0.2.1:9"])
    assert check(None).ret == 0 or "skip" in hides
