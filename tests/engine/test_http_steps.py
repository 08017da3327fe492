"""HTTP templates: a request, its answer, and what makes it good."""

from __future__ import annotations

import http.server
import json
import threading
import time

import pytest
from dflow.engine.control import post_request
from dflow.engine.model import (
    Call,
    HttpTemplate,
    InputParameter,
    Inputs,
    Literal,
    Loop,
    OutputParameter,
    Outputs,
    Pod,
    Ref,
    Retry,
)
from dflow.engine.runner import run
from dflow.executors import make_executor

SEEN = Outputs((OutputParameter("r", source=Ref("steps.a.outputs.result"), global_name="r"),))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status in the path and, as JSON, what was asked."""

    calls = 0

    def log_message(self, *args):
        pass

    def answer(self):
        type(self).calls += 1
        word = self.path.split("/")[1].partition("?")[0]
        if word == "slow":
            time.sleep(3)
        status = {"second": 503 if self.calls == 1 else 200}.get(word) or (int(word) if word.isdecimal() else 200)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = {name.lower(): text for name, text in self.headers.items()}
        data = json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body}).encode()
        self.send_response(status)
        self.send_header("x-word", word)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)


@pytest.fixture
def url():
    handler = type("Own", (Handler,), {"calls": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # of clients that did not wait
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ask(argo, steps):
    def go(template, **more):
        return str(argo.go(steps(Call("a", "a", **more), templates=[template], outputs=SEEN)).phase)

    return go


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_body_of_the_answer_is_the_result(ask, argo, url, method):
    assert (
        ask(HttpTemplate("a", f"{url}/200", method, (("X-Mine", "v"),), None if method == "GET" else "ä b"))
        == "Succeeded"
    )
    answer = json.loads(argo.outputs()["parameters"]["r"])
    assert (answer["method"], answer["headers"]["x-mine"]) == (method, "v")
    assert answer["body"] == ("" if method == "GET" else "ä b")
    assert argo.nodes["[0].a"]["type"] == "HTTP"
    assert argo.directory("[0].a").joinpath("log.txt").read_text() == f"{method} {url}/200: 200\n"


def test_url_headers_body_and_condition_have_tags(ask, argo, url):
    inputs = Inputs((InputParameter("p"),))
    template = HttpTemplate(
        "a",
        url + "/200?q={{inputs.parameters.p}}",
        "POST",
        (("X-Mine", "{{inputs.parameters.p}}"),),
        "{{inputs.parameters.p}} {{workflow.name}}",
        success_condition='response.body contains "{{inputs.parameters.p}}"',
        inputs=inputs,
    )
    assert ask(template, parameters=(("p", Literal("7")),)) == "Succeeded"
    answer = json.loads(argo.outputs()["parameters"]["r"])
    assert (answer["path"], answer["headers"]["x-mine"], answer["body"]) == ("/200?q=7", "7", "7 wf-1")


@pytest.mark.parametrize(
    ("status", "condition", "good"),
    [
        (204, None, True),
        (404, None, False),
        (500, None, False),
        (404, "response.statusCode == 404", True),
        (200, "response.statusCode == 404", False),
        (201, "response.statusCode in [200, 201]", True),
        (200, 'response.headers["X-Word"][0] == "200"', True),
        (200, 'request.method == "GET" && response.body contains "path"', True),
    ],
)
def test_the_condition_decides(ask, argo, url, status, condition, good):
    phase = ask(HttpTemplate("a", f"{url}/{status}", success_condition=condition))
    assert phase == ("Succeeded" if good else "Failed")
    assert argo.phases["[0].a"] == phase


def test_a_failure_says_the_status_and_how_the_body_begins(ask, argo, url):
    ask(HttpTemplate("a", f"{url}/418?token=secret", success_condition="response.statusCode == 200"))
    message = argo.nodes["[0].a"]["message"]
    assert message.startswith(f"GET {url}/418?… was answered with 418, so response.statusCode == 200 is false: {{")


@pytest.mark.parametrize("where", ["template", "call", "pod"])
def test_an_answer_that_does_not_come_in_time_is_a_failure(ask, argo, url, where):
    template = HttpTemplate(
        "a",
        f"{url}/slow",
        timeout=1 if where == "template" else None,
        pod=Pod(timeout=Literal("0.5") if where == "pod" else None),
    )
    began = time.time()
    assert ask(template, **({"timeout": Literal("0.5")} if where == "call" else {})) == "Failed"
    assert time.time() - began < 2.8
    assert (argo.phases["[0].a"], "had no answer within" in argo.nodes["[0].a"]["message"]) == ("Failed", True)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("http://127.0.0.1:1/", "GET http://127.0.0.1:1/ had no answer: [Errno 111]"),
        ("file:///etc/passwd", "is no URL of http or https"),
        ("http://name with blanks/", "had no answer"),
    ],
)
def test_what_cannot_be_asked_is_an_error(ask, argo, address, message):
    assert ask(HttpTemplate("a", address)) == "Failed"
    assert argo.phases["[0].a"] == "Error"
    assert message in argo.nodes["[0].a"]["message"]


@pytest.mark.parametrize("condition", ["response.statusCode", "response.statusCode +", "nothing == 1"])
def test_a_wrong_condition_is_an_error(ask, argo, url, condition):
    ask(HttpTemplate("a", f"{url}/200", success_condition=condition))
    assert argo.phases["[0].a"] == "Error"


def test_requests_are_tried_again(ask, argo, url):
    assert ask(HttpTemplate("a", f"{url}/second", pod=Pod(retry=Retry(limit=2)))) == "Succeeded"
    assert argo.nodes["[0].a"]["retries"] == 1


def test_requests_can_be_looped(argo, steps, url):
    inputs = Inputs((InputParameter("n"),))
    call = Call("a", "a", (("n", Ref("item")),), loop=Loop(Literal("[1, 2]")))
    argo.go(
        steps(call, templates=[HttpTemplate("a", url + "/ok?{{inputs.parameters.n}}", inputs=inputs)], outputs=SEEN)
    )
    assert [answer["path"] for answer in json.loads(argo.outputs()["parameters"]["r"])] == ["/ok?1", "/ok?2"]


def test_a_request_that_is_on_its_way_can_be_ended(argo, steps, url):
    argo.create(steps(Call("a", "a"), templates=[HttpTemplate("a", f"{url}/slow")]))
    thread = threading.Thread(target=run, args=(argo.layout, make_executor))
    began = time.time()
    thread.start()
    while "[0].a" not in argo.phases:
        time.sleep(0.02)
    post_request(argo.layout, "terminate")
    thread.join()
    assert argo.status == "Terminated"
    assert time.time() - began < 2.5


def test_a_resume_does_not_ask_again(argo, steps, shell, url):
    templates = [HttpTemplate("a", f"{url}/second", pod=Pod(retry=Retry(limit=1))), shell("b", "test -e ../../ok")]
    argo.go(steps(Call("a", "a"), Call("b", "b"), templates=templates, outputs=SEEN))
    first = argo.nodes["[0].a"]["finished"]
    argo.layout.root.joinpath("ok").touch()
    argo.go(again=lambda node: node.phase.is_failure)
    assert (argo.status, argo.nodes["[0].a"]["finished"]) == ("Succeeded", first)
    assert json.loads(argo.outputs()["parameters"]["r"])["path"] == "/second"
