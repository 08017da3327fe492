"""Certificates are checked, and what is wrong with one is said."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from argo_server import ArgoTestServer
from dflow.engine.errors import ConfigError
from dflow.exporters.argo.server import ArgoServer, UntrustedServer
from dflow.exporters.argo.server.connection import Limits

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
QUICK = Limits(attempts=2, pause=0.01)


def certificate(folder, name, address):
    """A file with a key and a certificate that it has signed itself."""
    key, made, both = folder / f"{name}.key", folder / f"{name}.crt", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", f"subjectAltName={address}", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    both.write_text(key.read_text() + made.read_text())
    return both


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def good(folder):
    return certificate(folder, "good", "IP:127.0.0.1")


@pytest.fixture
def secure(good):
    with ArgoTestServer(certificate=good) as server:
        server.put("w")
        yield server


def error_of(server):
    with pytest.raises(UntrustedServer) as caught:
        server.get("w")
    return str(caught.value)


def test_a_certificate_that_nobody_has_signed_is_refused_with_the_way_out(secure):
    said = error_of(ArgoServer(secure.url, "argo", limits=QUICK))
    assert "not signed by anybody known here" in said
    assert "config['verify'] (DFLOW_VERIFY)" in said
    assert secure.requests == []


def test_the_file_of_its_authority_makes_it_known(secure, folder):
    assert ArgoServer(secure.url, "argo", verify=str(folder / "good.crt"), limits=QUICK).get("w")


@pytest.mark.filterwarnings("error")
def test_verify_false_trusts_it_without_a_warning_each_time(secure):
    assert ArgoServer(secure.url, "argo", verify=False, limits=QUICK).get("w")


def test_a_certificate_of_another_name_is_refused(folder):
    other = certificate(folder, "other", "DNS:argo.example")
    with ArgoTestServer(certificate=other) as server:
        said = error_of(ArgoServer(server.url, "argo", verify=str(folder / "other.crt"), limits=QUICK))
    assert "is for another name" in said


def test_tls_to_a_server_without_it(argo):
    said = error_of(ArgoServer(argo.url.replace("http:", "https:"), "argo", limits=QUICK))
    assert "speaks no TLS; let config['host'] (DFLOW_HOST) begin with http://" in said


def test_a_file_of_an_authority_that_is_not_there_is_named(secure):
    with pytest.raises(ConfigError, match=r"'no-such\.pem'.*DFLOW_VERIFY"):
        ArgoServer(secure.url, "argo", verify="no-such.pem", limits=QUICK)
