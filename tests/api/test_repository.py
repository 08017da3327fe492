"""The artifact repository of a cluster, from a server that answers as Kubernetes does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from dflow import config, s3_config
from dflow.engine.errors import ConfigError
from dflow.workflow import parse_repo

pytest.importorskip("kubernetes")
REPOSITORIES = {
    "files": {"s3": {"bucket": "b", "endpoint": "minio:9000", "keyFormat": "of/us/{{workflow.name}}/{{pod.name}}"}},
    "clouds": {"oss": {"bucket": "c"}},
    "others": {"gcs": {"bucket": "d"}},
    "odd": "text",
}


@pytest.fixture
def asked():
    paths: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            is_there = self.path.endswith("/namespaces/argo/configmaps/artifact-repositories")
            data = {name: yaml.safe_dump(repo) for name, repo in REPOSITORIES.items()}
            text = {"kind": "ConfigMap", "metadata": {"name": "artifact-repositories"}, "data": data}
            body = json.dumps(text if is_there else {"kind": "Status", "code": 404}).encode()
            self.send_response(200 if is_there else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        config["k8s_api_server"] = f"http://127.0.0.1:{server.server_address[1]}"
        yield paths
        server.shutdown()
        thread.join()


def test_the_repository_is_known_with_what_its_keys_begin_with(asked):
    parse_repo("files")
    assert asked == ["/api/v1/namespaces/argo/configmaps/artifact-repositories"]
    assert (s3_config["repo"], s3_config["repo_type"]) == (REPOSITORIES["files"], "s3")
    assert s3_config["repo_prefix"] == "of/us/"


def test_the_settings_say_which(asked):
    s3_config["repo_key"] = "clouds"
    parse_repo()
    assert (s3_config["repo_type"], s3_config["repo_prefix"]) == ("oss", "")
    assert len(asked) == 1


def test_without_a_key_nothing_is_asked(asked):
    parse_repo()
    assert asked == []
    assert s3_config["repo"] is None


@pytest.mark.parametrize(
    ("key", "more", "message"),
    [
        ("none", {}, "has no artifact repository 'none'; it has: clouds, files, odd, others"),
        ("others", {}, "'others' is none of the kinds s3 and oss"),
        ("odd", {}, "is no mapping"),
        ("files", {"namespace": "elsewhere"}, "of the namespace 'elsewhere' cannot be read: Not Found"),
    ],
)
@pytest.mark.usefixtures("asked")
def test_what_is_wrong_is_said(key, more, message):
    with pytest.raises(ConfigError, match=message):
        parse_repo(key, **more)
    assert s3_config["repo"] is None


def test_a_cluster_that_does_not_answer_is_named():
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_repo("files", k8s_api_server="http://127.0.0.1:1")
