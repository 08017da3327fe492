"""Observers that come with dflow: a file, a web address, e-mail."""

from __future__ import annotations

import json
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError, URLError

import pytest
from dflow.observers import Email, Event, JsonLines, RunEnded, RunStarted, StepEnded, StepNoted, StepStarted, Webhook

FAILED = StepEnded(
    "wf-1",
    "/runs/wf-1",
    20.0,
    id="i",
    name="wf-1[0].a",
    step="a",
    key="k",
    phase="Failed",
    message="exit code 3",
    started=12.5,
)
TWICE = RunEnded("w", "/p", 1.0, failures=(FAILED, FAILED))
END = RunEnded(
    "wf-1", "/runs/wf-1", 30.0, phase="Failed", started=10.0, steps={"Succeeded": 2, "Failed": 1}, failures=(FAILED,)
)
BEGIN = RunStarted("wf-1", "/runs/wf-1", 10.0, host="here")


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event("wf-1", "/p", 1.0), "wf-1: "),
        (BEGIN, "wf-1 begins"),
        (StepStarted("wf-1", "/p", 1.0, step="a"), "wf-1: a begins"),
        (StepNoted("wf-1", "/p", 1.0, step="a", note="queued: Priority"), "wf-1: a is queued: Priority"),
        (StepNoted("wf-1", "/p", 1.0, step="a"), "wf-1: a waits no more"),
        (FAILED, "wf-1: k ended Failed after 7.5 s: exit code 3"),
        (END, "wf-1 ended Failed after 20.0 s: k Failed: exit code 3"),
        (TWICE, "w ended Succeeded after 0.0 s: k Failed: exit code 3 (and 1 more)"),
    ],
)
def test_every_event_is_one_line_for_people(event, text):
    assert event.text == text
    assert json.loads(json.dumps(event.as_dict()))["text"] == text


@pytest.mark.parametrize("message", ["wörds", "half \ud800", "a byte \udcff"])
def test_no_text_is_lost_from_a_file(tmp_path, message):
    path = tmp_path / "events.jsonl"
    JsonLines(path).notify(StepEnded("wf-1", "/p", 1.0, step="a", message=message))
    line = path.read_bytes().decode("utf-8", "surrogateescape")
    assert json.loads(line)["message"] == message


def test_lines_are_added_to_a_file(tmp_path):
    path = tmp_path / "events.jsonl"
    JsonLines(path).notify(BEGIN)
    JsonLines(path).notify(END)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "kind": "run-started", "text": "wf-1 begins", "run": "wf-1", "path": "/runs/wf-1", "at": 10.0, "host": "here",
    }  # fmt: skip
    assert second["failures"][0]["message"] == "exit code 3"


def test_the_file_is_named_by_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("DFLOW_EVENTS_FILE", str(tmp_path / "x"))
    assert JsonLines().path == str(tmp_path / "x")
    monkeypatch.delenv("DFLOW_EVENTS_FILE")
    monkeypatch.chdir(tmp_path)
    assert JsonLines().path == str(tmp_path / "dflow-events.jsonl")


@pytest.fixture
def web():
    """A web server; what it was sent, and what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.requests.append((dict(self.headers), json.loads(data)))
            self.send_response(self.server.answer)
            if self.server.answer == 302:
                self.send_header("Location", f"{self.server.url}elsewhere")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - as the library wants it

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.answer, server.url = [], 200, f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_is_sent_the_end_of_a_run(web):
    Webhook(web.url).notify(BEGIN)
    Webhook(web.url).notify(END)
    [(headers, sent)] = web.requests
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert (sent["kind"], sent["phase"], sent["text"]) == ("run-ended", "Failed", END.text)


def test_a_webhook_is_sent_all_where_that_is_wanted(web, monkeypatch):
    monkeypatch.setenv("DFLOW_WEBHOOK_URL", web.url)
    monkeypatch.setenv("DFLOW_WEBHOOK_TOKEN", "t0ken")
    hook = Webhook(only_final=False)
    hook.notify(BEGIN)
    hook.notify(END)
    assert [sent["kind"] for _, sent in web.requests] == ["run-started", "run-ended"]
    assert {headers["Authorization"] for headers, _ in web.requests} == {"Bearer t0ken"}
    assert "t0ken" not in repr(vars(hook)) + repr(hook)


@pytest.mark.parametrize("answer", [302, 403, 500])
def test_a_webhook_that_refuses_is_an_error_and_its_redirects_are_not_followed(web, answer):
    web.answer = answer
    with pytest.raises(HTTPError, match=str(answer)):
        Webhook(web.url).notify(END)
    assert len(web.requests) == 1


def test_a_webhook_that_is_not_there_is_an_error():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(URLError):
            Webhook(f"http://127.0.0.1:{free.getsockname()[1]}/?secret=x", timeout=2).notify(END)


def test_a_webhook_is_a_web_address():
    with pytest.raises(ValueError, match="begins with https:// or http://, not 'file:///etc/passwd'"):
        Webhook("file:///etc/passwd")
    assert (
        repr(Webhook("https://me:word@hooks.example:8443/services/T/B/SECRET"))
        == "Webhook('https://hooks.example:8443/…')"
    )
    assert repr(Webhook("https://h.example/x?key=secret")) == "Webhook('https://h.example/…')"


class Post:
    """A mail server for one message; what it was told.

    Attributes:
        said: the words of the client.
        message: the letter.
    """

    def __init__(self, extensions: str = "") -> None:
        self._extensions = extensions
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.said: list[str] = []
        self.message = ""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rwb", buffering=0) as stream:
            stream.write(b"220 here\r\n")
            for line in stream:
                word = line.decode().strip()
                self.said.append(word)
                verb = word.upper().partition(" ")[0]
                if verb == "EHLO":
                    stream.write(f"250-here\r\n{self._extensions}250 SIZE 1000000\r\n".encode())
                elif verb == "AUTH":
                    stream.write(b"235 ok\r\n")
                elif verb == "DATA":
                    stream.write(b"354 go on\r\n")
                    while (text := stream.readline().decode()) not in (".\r\n", ""):
                        self.message += text
                    stream.write(b"250 ok\r\n")
                elif verb == "QUIT":
                    stream.write(b"221 bye\r\n")
                    return
                else:
                    stream.write(b"250 ok\r\n")

    def close(self) -> None:
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def post():
    post = Post()
    yield post
    post.close()


def test_a_message_tells_of_the_end_of_a_run(post):
    Email("a@example.org, b@example.org", f"127.0.0.1:{post.port}").notify(END)
    assert [word for word in post.said if word.startswith("rcpt")] == [
        "rcpt TO:<a@example.org>",
        "rcpt TO:<b@example.org>",
    ]
    assert "Subject: [dflow] wf-1 Failed\r\n" in post.message
    assert "From: a@example.org\r\n" in post.message
    assert "directory: /runs/wf-1\r\nsteps: 2 Succeeded, 1 Failed\r\n" in post.message
    assert "- wf-1: k ended Failed after 7.5 s: exit code 3\r\n" in post.message


def test_of_many_failures_some_are_listed():
    many = RunEnded("w", "/p", 1.0, phase="Failed", failures=(FAILED,) * 25)
    text = Email("a@example.org").message(many).get_content()
    assert text.count("- wf-1: k ended") == 20
    assert "- and 5 more\n" in text


@pytest.mark.parametrize("event", [BEGIN, FAILED, RunEnded("w", "/p", 1.0)])
def test_there_is_no_message_of_anything_else(event):
    Email("a@example.org", "127.0.0.1:1", only_failures=True).notify(event)


def test_who_is_asked_for_a_password_gives_it_to_this_machine(monkeypatch):
    post = Post("250-AUTH PLAIN\r\n")
    monkeypatch.setenv("DFLOW_EMAIL_TO", "a@example.org")
    monkeypatch.setenv("DFLOW_EMAIL_FROM", "me@example.org")
    monkeypatch.setenv("DFLOW_EMAIL_SERVER", f"127.0.0.1:{post.port}")
    monkeypatch.setenv("DFLOW_EMAIL_USER", "me")
    monkeypatch.setenv("DFLOW_EMAIL_PASSWORD", "s3cret")
    mail = Email()
    mail.notify(END)
    post.close()
    assert any(word.startswith("AUTH PLAIN") for word in post.said)
    assert "From: me@example.org\r\n" in post.message
    assert "s3cret" not in repr(vars(mail)) + repr(mail)


def test_a_password_is_not_sent_to_another_machine_in_the_clear(post, monkeypatch):
    monkeypatch.setenv("DFLOW_EMAIL_USER", "me")
    monkeypatch.setenv("DFLOW_EMAIL_PASSWORD", "s3cret")
    monkeypatch.setattr("dflow.observers.mail._HERE", ())
    with pytest.raises(OSError, match=r"127\.0\.0\.1 offers no TLS, so the password is not sent to it"):
        Email("a@example.org", f"127.0.0.1:{post.port}").notify(END)
    assert post.message == ""
    assert not any("AUTH" in word for word in post.said)


@pytest.mark.parametrize(("make", "variable"), [(Email, "DFLOW_EMAIL_TO"), (Webhook, "DFLOW_WEBHOOK_URL")])
def test_what_must_be_known_is_asked_for(make, variable):
    assert variable not in os.environ
    with pytest.raises(ValueError, match=f"set {variable}, or use {make.__name__}"):
        make()
