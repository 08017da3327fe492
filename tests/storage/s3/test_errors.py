"""What the user reads when something is wrong; no server is needed."""
# ruff: noqa: E501, ISC004, S106 - messages as they are, made-up secrets

from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from dflow.engine.errors import ConfigError, ObjectNotFound, StorageError
from dflow.storage.s3 import S3Client, S3Settings
from dflow.storage.s3.errors import Damaged, Refused, doing, is_transient

SETTINGS = S3Settings(endpoint="s3.example.org", bucket="mine", access_key="me", secret_key="very-secret")
TRIED = "cannot put 'a/b' in bucket 'mine' at http://s3.example.org: "


def message(error, settings=SETTINGS):
    with pytest.raises(StorageError) as caught, doing("put", "a/b", settings):
        raise error
    return str(caught.value)


KEYS = "s3_config['access_key'] and s3_config['secret_key'] (DFLOW_S3_ACCESS_KEY, DFLOW_S3_SECRET_KEY)"
BUCKET = "s3_config['bucket_name'] (DFLOW_S3_BUCKET_NAME)"
ENDPOINT = "s3_config['endpoint'] (DFLOW_S3_ENDPOINT)"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Refused(403, "InvalidAccessKeyId"), f"the server says InvalidAccessKeyId: it does not know the access key; check {KEYS}"),
        (
            Refused(403, "SignatureDoesNotMatch"),
            f"the server says SignatureDoesNotMatch: the secret key does not belong to the access key; check {KEYS}",
        ),
        (
            Refused(403, "AccessDenied"),
            f"the server says AccessDenied: these keys may not do that; ask for the right to, or check {KEYS} and {BUCKET}",
        ),
        (Refused(404, "NoSuchBucket"), f"the server says NoSuchBucket: there is no such bucket; create it, or check {BUCKET}"),
        (
            Refused(403, "RequestTimeTooSkewed", skew=3600.2),
            "the server says RequestTimeTooSkewed: its clock and the one here differ by 3600 s (this one is behind); "
            "set the clock of this machine",
        ),
        (Refused(400, "ExpiredToken"), f"the server says ExpiredToken: the keys have expired; get new ones, and set {KEYS}"),
        (
            Refused(400, "EntityTooLarge"),
            "the server says EntityTooLarge: the file is larger than it takes; split the file, or ask who runs the server",
        ),
        (
            Refused(403, "QuotaExceeded"),
            "the server says QuotaExceeded: the quota is used up; delete what is not needed, or ask who runs the "
            "server for more",
        ),
        (
            Refused(503, "SlowDown", "reduce your rate"),
            "the server says SlowDown (HTTP status 503, reduce your rate); it is busy or broken: try again later, or "
            "look at the server's log",
        ),
        (ConnectionRefusedError(111, "refused"), f"nothing listens there; start the server, or check {ENDPOINT}"),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            f"there is no host of that name (Name or service not known); check {ENDPOINT} and the network",
        ),
        (
            http.client.BadStatusLine("\x15\x03\x01"),
            f"the server speaks TLS there; set s3_config['secure'] (DFLOW_S3_SECURE) to True, or check {ENDPOINT}",
        ),
        (Damaged("the sum is wrong"), "the sum is wrong; start again; if that goes on, a disk or a cable is broken"),
    ],
)  # fmt: skip
def test_an_error_says_what_was_tried_what_happened_and_what_to_do(error, text):
    assert message(error) == TRIED + text


@pytest.mark.parametrize("error", [Refused(404, "NoSuchKey"), Refused(404, "")])
def test_a_missing_object_is_an_error_of_its_own(error):
    with pytest.raises(ObjectNotFound, match="there is no such object"), doing("get", "a", SETTINGS):
        raise error


def test_no_secret_is_ever_said():
    error = Refused(400, "Odd", "you sent very-secret to me")
    assert "very-secret" not in message(error)
    assert "***" in message(error)
    assert "very-secret" not in repr(SETTINGS) + repr(S3Client(SETTINGS))


@pytest.mark.parametrize(
    ("error", "has_answered", "transient"),
    [
        (Refused(503, "SlowDown"), True, True),
        (Refused(400, "RequestTimeout"), True, True),
        (Refused(429, ""), True, True),
        (Refused(500, "InternalError"), True, True),
        (Refused(403, "AccessDenied"), True, False),
        (Refused(404, "NoSuchBucket"), True, False),
        (ConnectionRefusedError(111, "refused"), False, True),
        (TimeoutError(), False, True),
        (http.client.RemoteDisconnected("gone"), True, True),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), False, False),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), True, True),
        (ssl.SSLCertVerificationError("no"), False, False),
        (FileNotFoundError(2, "no"), True, False),
    ],
)
def test_what_may_go_away_by_itself(error, has_answered, transient):
    assert is_transient(error, has_answered) is transient


def impatient(endpoint, **more):
    return S3Client(
        S3Settings(endpoint=endpoint, bucket="mine", access_key="a", secret_key="bcdefgh", first_patience=0.5, **more)
    )


@pytest.mark.parametrize(("endpoint", "says"), [("127.0.0.1:1", "nothing listens there"), ("no-such-host.invalid", "no host of that name")])  # fmt: skip
def test_a_wrong_address_is_named(endpoint, says):
    with pytest.raises(StorageError, match=says):
        impatient(endpoint).exists("x")


@pytest.fixture
def listener():
    """Listens, and answers whatever comes with the bytes that it is given."""
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as opened:

        def serve():
            while True:
                try:
                    peer, _ = opened.accept()
                except OSError:
                    return
                with peer:
                    peer.settimeout(1)
                    peer.recv(1 << 16)
                    peer.sendall(answers[0])
                    peer.shutdown(socket.SHUT_WR)
                    time.sleep(0.05)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{opened.getsockname()[1]}", answers


def test_tls_against_a_server_without_it_is_named(listener):
    endpoint, answers = listener
    answers.append(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    with pytest.raises(StorageError, match=r"speaks no TLS there; set s3_config\['secure'\]"):
        impatient(endpoint, secure=True).exists("x")


@pytest.mark.parametrize(
    "answer",
    [
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 48\r\n\r\n"
        b"Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_a_server_with_tls_that_is_asked_without_it_is_named(listener, answer):
    endpoint, answers = listener
    answers.append(answer)
    with pytest.raises(StorageError, match=r"speaks TLS there; set s3_config\['secure'\]"):
        impatient(endpoint).list("x")


@pytest.mark.parametrize(
    "endpoint", ["", "http://", "ftp://host", "http://host/path", "host:port", "http://me:pw@host"]
)
def test_an_endpoint_that_is_none_is_refused_without_what_is_secret_in_it(endpoint):
    with pytest.raises(ConfigError, match=r"s3_config\['endpoint'\]") as caught:
        S3Settings(endpoint=endpoint, bucket="b").address()
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "secure", "text"),
    [
        ("host:9000", False, "http://host:9000"),
        ("host", True, "https://host"),
        ("https://host", False, "https://host"),
        ("http://host/", True, "http://host"),
        ("[::1]:9000", False, "http://[::1]:9000"),
    ],
)
def test_the_scheme_of_the_endpoint_wins(endpoint, secure, text):
    assert S3Settings(endpoint=endpoint, bucket="b", secure=secure).address().text == text


def test_a_name_that_is_none_is_refused():
    with pytest.raises(StorageError, match="InvalidBucketName: that is no name for a bucket"):
        S3Client(S3Settings(endpoint="127.0.0.1:1", bucket="b", access_key="a", secret_key="b")).exists("x")


def test_missing_keys_are_named(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "MINIO_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StorageError, match=r"there are no keys .*DFLOW_S3_ACCESS_KEY"):
        S3Client(S3Settings(endpoint="127.0.0.1:1", bucket="mine")).exists("x")


def test_minio_is_loaded_with_the_first_request_only():
    script = (
        "import sys; from dflow.storage.s3 import S3Client, S3Settings\n"
        "S3Client(S3Settings(endpoint='h', bucket='b', access_key='a'))\n"
        "assert not {'minio', 'urllib3', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
