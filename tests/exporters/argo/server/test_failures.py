"""Errors say what was asked, of whom, why it failed and what to do; and what can be repeated is repeated."""

from __future__ import annotations

import re
import traceback

import pytest
from dflow.engine.errors import ConfigError, DflowError, RunNotFound
from dflow.exporters.argo import server as package
from dflow.exporters.argo.server import (
    AccessDenied,
    ArgoServer,
    NotAnArgoServer,
    RequestRefused,
    ServerConflict,
    ServerError,
    ServerUnavailable,
    UntrustedServer,
    WorkflowNotFound,
)
from dflow.exporters.argo.server.connection import Limits

TOKEN = "sesame-open-the-door"  # noqa: S105 - of the server of the tests
LOGIN = "<!DOCTYPE html><html><head><title>Sign in to Example</title></head></html>"


def error_of(call, *arguments):
    with pytest.raises(ServerError) as caught:
        call(*arguments)
    return caught.value


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ({"status": 401, "body": '{"message":"it has expired"}'}, AccessDenied, "it has expired.*DFLOW_TOKEN"),
        ({"status": 403, "body": '{"code":7,"message":"forbidden: User x"}'}, AccessDenied, "User x.*namespace 'argo'"),
        ({"status": 404, "body": '{"code":5,"message":"not found"}'}, WorkflowNotFound, "may have been deleted"),
        ({"status": 409, "body": '{"code":6,"message":"already exists"}'}, ServerConflict, "already exists"),
        ({"status": 400, "body": '{"code":3,"message":"templates.a is bad"}'}, RequestRefused, "templates.a is bad"),
        ({"status": 422, "body": '{"code":3,"message":"bad"}'}, RequestRefused, "422"),
        ({"status": 500, "body": '{"code":13,"message":"etcd is ill"}'}, ServerUnavailable, "etcd is ill.*log of the"),
        ({"status": 500, "body": "plain text"}, ServerUnavailable, "plain text"),
        ({"status": 500, "body": b"\xff\xfe"}, ServerUnavailable, "500"),
        ({"status": 501, "body": '{"error":{"message":"no archive"}}'}, ServerUnavailable, "no archive"),
        ({"status": 502, "body": LOGIN, "times": 9}, ServerUnavailable, "502 Bad Gateway, 'Sign in"),
        ({"status": 200, "body": LOGIN}, NotAnArgoServer, r"web page \('Sign in to Example'\).*http_headers"),
        ({"status": 200, "body": "hello"}, NotAnArgoServer, "'hello'"),
        ({"status": 200, "body": ""}, NotAnArgoServer, "with nothing"),
        ({"status": 200, "body": "[1]"}, NotAnArgoServer, "not with JSON"),
        ({"status": 404, "body": LOGIN}, NotAnArgoServer, "DFLOW_HOST"),
        ({"status": 302, "headers": {"Location": "https://sso.example"}}, NotAnArgoServer, "sso.example.*DFLOW_TOKEN"),
        (
            {"status": 400, "body": "Client sent an HTTP request to an HTTPS server.\n"},
            UntrustedServer,
            "begin with https://",
        ),
        ({"cut": "before", "times": 9}, ServerUnavailable, "was cut"),
        ({"cut": "inside", "times": 9}, ServerUnavailable, "was cut"),
    ],
)  # fmt: skip
def test_each_failure_has_its_class_and_its_advice(argo, client, fault, kind, said):
    argo.put("w")
    argo.fail(**fault)
    error = error_of(client().get, "w")
    assert type(error) is kind
    assert re.fullmatch(r"cannot get workflow 'w'.*127\.0\.0\.1.*" + said + ".*", str(error))
    assert "\n" not in str(error)
    assert error.status == fault.get("status")


def test_errors_fit_into_the_tree():
    kinds = [getattr(package, name) for name in package.__all__ if isinstance(getattr(package, name), type)]
    errors = [kind for kind in kinds if issubclass(kind, Exception)]
    assert len(errors) == 8
    assert all(issubclass(kind, DflowError) and issubclass(kind, ServerError) for kind in errors)
    assert issubclass(WorkflowNotFound, RunNotFound)


def test_a_missing_token_is_called_missing_and_a_wrong_one_wrong(client):
    assert "no token was sent" in str(error_of(client(token=None).get, "w"))
    assert "wrong or has expired" in str(error_of(client(token=TOKEN[::-1]).get, "w"))
    assert isinstance(error_of(client(namespace="other").get, "w"), AccessDenied)


@pytest.mark.parametrize("token", [TOKEN, f"Bearer {TOKEN}", f"  {TOKEN}\n"])
def test_a_token_is_taken_with_and_without_its_kind(argo, client, token):
    argo.put("w")
    client(token=token).get("w")
    assert argo.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_headers_are_sent_with_every_request(argo, client):
    argo.put("w")
    server = client(headers={"X-Project": "42", "Cookie": "session=abcdef"})
    server.get("w")
    server.suspend("w")
    assert [(r.headers["x-project"], r.headers["cookie"]) for r in argo.requests] == [("42", "session=abcdef")] * 2


def test_secrets_are_in_no_message_and_no_traceback(argo, client):
    server = client(headers={"Cookie": "session=verysecret"})
    echo = f'{{"message": "got Bearer {TOKEN} and session=verysecret"}}'
    for status in (400, 401, 500):
        argo.fail(status=status, body=echo)
        error = error_of(server.get, "w")
        shown = "".join(traceback.format_exception(error)) + repr(server) + repr(error)
        assert "***" in shown
        assert TOKEN not in shown
        assert "verysecret" not in shown
    argo.fail(status=200, body=f"you sent {TOKEN}")
    assert TOKEN not in "".join(traceback.format_exception(error_of(server.get, "w")))


def test_nobody_there_says_so_after_some_attempts():
    server = ArgoServer("http://127.0.0.1:1", "argo", limits=Limits(attempts=2, pause=0.01))
    error = error_of(server.get, "w")
    assert isinstance(error, ServerUnavailable)
    assert "no connection to http://127.0.0.1:1" in str(error)
    assert "Connection refused" in str(error)
    assert "port forwarded" in str(error)


def test_a_name_that_no_server_has_says_so():
    server = ArgoServer("http://no-such-host.invalid", "argo", limits=Limits(attempts=1))
    assert "no connection to http://no-such-host.invalid" in str(error_of(server.get, "w"))


def test_an_answer_that_takes_too_long_is_given_up(argo, client):
    argo.fail(delay=1.0)
    error = error_of(client(limits=Limits(read=0.2, attempts=1)).get, "w")
    assert "did not answer in time" in str(error)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1:2746", "must begin with http"),
        ("ftp://a", "must begin with http"),
        ("https://", "must begin with http"),
        ("https://me:topsecret@argo.example", "must not hold a password"),
        ("me:topsecret@argo.example", "must begin with http"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(host, said):
    with pytest.raises(ConfigError, match=said) as caught:
        ArgoServer(host, "argo")
    assert "topsecret" not in str(caught.value)


def test_an_address_may_have_a_path_and_a_slash_at_its_end(argo, client):
    argo.put("w")
    assert client(host=f"{argo.url}/").get("w")
    error_of(client(host=f"{argo.url}/behind/").get, "w")
    assert argo.requests[-1].path == "/behind/api/v1/workflows/argo/w"


def test_the_proxy_of_the_environment_is_used_unless_it_says_otherwise(argo, client, monkeypatch):
    argo.put("w")
    monkeypatch.setenv("HTTP_PROXY", argo.url)
    assert client(host="http://argo.invalid").get("w")
    assert argo.requests[0].headers["host"] == "argo.invalid"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    error = error_of(client(limits=Limits(attempts=1)).get, "w")
    assert "through the proxy of HTTPS_PROXY or HTTP_PROXY" in str(error)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert client().get("w")


# -- repeating ------------------------------------------------------------------------------------------------

TRANSIENT = [{"status": 502}, {"status": 503}, {"status": 504}, {"status": 429}, {"cut": "before"}, {"cut": "inside"}]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_what_changes_nothing_is_asked_again(argo, client, fault):
    argo.put("w")
    argo.fail(2, **fault)
    assert client().get("w")["metadata"]["name"] == "w"
    assert len(argo.requests) == 3


@pytest.mark.parametrize("verb", ["terminate", "stop", "suspend", "resume"])
def test_what_may_be_done_twice_is_asked_again(argo, client, verb):
    argo.put("w")
    argo.fail(1, cut="before", only=verb)
    getattr(client(), verb)("w")
    assert len(argo.seen("PUT", verb)) == 2


@pytest.mark.parametrize("verb", ["terminate", "stop"])
def test_an_end_whose_answer_was_lost_is_an_end(argo, client, verb):
    argo.put("w", {"phase": "Running"})
    argo.fail(1, cut="before", done=True)
    assert getattr(client(), verb)("w")["status"]["phase"] == "Failed"
    assert isinstance(error_of(getattr(client(), verb), "w"), RequestRefused)


@pytest.mark.parametrize("verb", ["retry", "resubmit"])
def test_what_would_be_done_twice_is_not_asked_again(argo, client, verb):
    argo.put("w-1", {"phase": "Failed"})
    argo.fail(1, cut="before", done=True)
    assert "cut" in str(error_of(getattr(client(), verb), "w-1"))
    assert len(argo.requests) == 1


def test_other_errors_are_not_asked_again(argo, client):
    for status in (400, 401, 403, 404, 409, 500):
        argo.requests.clear()
        argo.fail(status=status, body="{}")
        error_of(client().get, "w")
        assert len(argo.requests) == 1, status


def test_it_ends_some_time(argo, client):
    argo.fail(99, status=503)
    assert "503" in str(error_of(client().get, "w"))
    assert len(argo.requests) == 4


def test_the_server_may_say_how_long_to_wait(argo, client, monkeypatch):
    waits = []
    monkeypatch.setattr("dflow.exporters.argo.server.connection.time.sleep", waits.append)
    argo.put("w")
    argo.fail(1, status=429, headers={"Retry-After": "7"})
    client().get("w")
    assert waits == [7.0]


def test_waiting_grows_and_has_an_end(argo, client, monkeypatch):
    waits = []
    monkeypatch.setattr("dflow.exporters.argo.server.connection.time.sleep", waits.append)
    argo.fail(99, status=503)
    error_of(client(limits=Limits(attempts=8, pause=1.0, longest=10.0)).get, "w")
    assert len(waits) == 7
    assert waits[0] < 1.31
    assert waits[2] > 2.7
    assert max(waits) <= 13.0


def test_a_request_that_never_arrived_is_sent_again_whatever_it_is():
    """Nobody listens: also what must not be done twice can be tried again."""
    limits = Limits(attempts=3, pause=0.05)
    server = ArgoServer("http://127.0.0.1:1", "argo", limits=limits)
    tried = []
    pause = server._connection._pause
    server._connection._pause = lambda *arguments: (tried.append(1), pause(*arguments))
    error_of(server.retry, "w")
    assert len(tried) == 2


# -- creating -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"cut": "before"}, {"cut": "inside"}, {"status": 502}, {"status": 504}])
def test_a_workflow_whose_answer_was_lost_is_made_once(argo, client, manifest, fault):
    argo.fail(1, done=True, **fault)
    made = client().create(manifest)
    assert list(argo.workflows) == ["one-x3k9a"]
    assert made["metadata"]["uid"] == argo.workflows["one-x3k9a"]["metadata"]["uid"]
    assert len(argo.seen("POST", "/argo")) == 2


def test_a_workflow_of_somebody_else_is_not_taken_for_the_one_whose_answer_was_lost(argo, client, manifest):
    argo.put("one-x3k9a")
    argo.fail(1, cut="before")
    assert isinstance(error_of(client().create, manifest), ServerConflict)


def test_a_workflow_without_a_fixed_name_is_sent_once(argo, client, manifest):
    manifest["metadata"] = {"generateName": "one-"}
    argo.fail(1, cut="before", done=True)
    error_of(client().create, manifest)
    assert len(argo.workflows) == 1
    assert len(argo.requests) == 1


def test_a_delete_whose_answer_was_lost_is_done(argo, client):
    argo.put("w")
    argo.fail(1, cut="before", done=True)
    client().delete("w")
    assert argo.workflows == {}
