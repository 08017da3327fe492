"""Names of data sets, and where jobs of Bohrium have them."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from dflow import Secret
from dflow.op_template import ContainerOPTemplate
from dflow.plugins import datasets
from dflow.plugins.datasets import DatasetsArtifact, wait_for_mount


def test_a_data_set_comes_back_from_its_text():
    whole = DatasetsArtifact("water", "v1")
    assert whole.get_urn() == "launching+datasets://water@v1"
    part = DatasetsArtifact("water", "v1", type="models", user="me").sub_path("a").sub_path("b")
    assert part.get_urn() == "launching+models://water@v1/a/b"
    assert part.rclone_kwargs["user"] == "me"
    assert DatasetsArtifact.from_urn(part.get_urn()).get_urn() == part.get_urn()
    with pytest.raises(ValueError, match="names no data set"):
        DatasetsArtifact.from_urn("bohrium+datasets:///bohr/x")


def test_jobs_of_bohrium_mount_it_under_the_name_of_the_input():
    machine = SimpleNamespace(input_data={"job_resources": ["launching://datasets/other@v2?alias=x&action=ro"]})
    DatasetsArtifact("water", "v1", sub_path="a").modify_config("in", machine)
    assert machine.input_data["job_resources"] == [
        "launching://datasets/other@v2?alias=x&action=ro",
        "launching://datasets/water@v1?alias=in&action=ro",
    ]


def test_it_is_linked_where_it_is_mounted(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_MOUNTS", str(tmp_path / "mounts"))
    (tmp_path / "mounts" / "in" / "a").mkdir(parents=True)
    DatasetsArtifact("water", "v1", sub_path="a").bohrium_download("in", str(tmp_path / "step" / "in"))
    assert (tmp_path / "step" / "in").resolve() == (tmp_path / "mounts" / "in" / "a").resolve()
    with pytest.raises(FileNotFoundError, match="mounted on machines of Bohrium alone"):
        DatasetsArtifact("water", "v1").download("other", str(tmp_path / "x"))


def test_a_mount_by_rclone_is_one_command():
    data = DatasetsArtifact(
        "water",
        "v1",
        rclone_type="webdav",
        webdav_host="http://here/",
        user="me",
        password="a b",  # noqa: S106
    )
    assert data.get_mount_script("/mnt/a b") == (
        "rclone config create water@v1 webdav url 'http://here/datasets~water@v1' user me pass 'a b' vendor other "
        "concurrency 100 && mkdir -p '/mnt/a b' && rclone mount water@v1: '/mnt/a b'"
    )
    ftp = DatasetsArtifact("water", "v1", rclone_kwargs={"concurrency": 9, "explicit_tls": False}).get_mount_script(
        "/m"
    )
    assert "concurrency 9 explicit_tls false disable_tls13 true" in ftp
    assert "user" not in ftp
    hidden = DatasetsArtifact("water", "v1", password=Secret(name="n")).get_mount_script("/m")
    assert ' pass "$RCLONE_PASSWORD" && ' in hidden


def test_a_remote_of_rclone_is_a_data_set():
    data = DatasetsArtifact.from_rclone_config("[store]\ntype = s3\nprovider = Minio\nenv_auth = true\n")
    assert (data.element, data.rclone_type) == ("store", "s3")
    assert data.get_mount_script("/m") == (
        "rclone config create store s3 provider Minio env_auth true && mkdir -p /m && rclone mount store: /m"
    )


@pytest.mark.parametrize("wrong", ["", "x", "[a]\nhost = b\n", "[a]\ntype = ftp\n[b]\ntype = ftp\n"])
def test_what_is_no_remote_of_rclone_is_refused(wrong):
    with pytest.raises(ValueError, match="configuration of rclone"):
        DatasetsArtifact.from_rclone_config(wrong)


def test_a_container_without_a_script_cannot_wait_for_a_mount():
    with pytest.raises(ValueError, match="templates with a script"):
        DatasetsArtifact("water", "v1").render(ContainerOPTemplate("sh", image="i"), "data")


def test_a_mount_is_waited_for(tmp_path, monkeypatch):
    wait_for_mount("/proc", timeout=5)
    with pytest.raises(TimeoutError, match=r"nothing was mounted at .* within 0\.3 s"):
        wait_for_mount(str(tmp_path), timeout=0.3)
    mounted = threading.Event()
    threading.Timer(0.3, mounted.set).start()
    monkeypatch.setattr("os.path.ismount", lambda _point: mounted.is_set())
    start = time.monotonic()
    wait_for_mount(str(tmp_path), timeout=5)
    assert 0.3 <= time.monotonic() - start < 4
