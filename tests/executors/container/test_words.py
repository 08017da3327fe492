"""The words with which containers are started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dflow.engine.errors import LeafError
from dflow.engine.ports import Job
from dflow.executors.container import ContainerOptions
from dflow.executors.container.mounts import Mount
from dflow.executors.container.singularity import exec_words, image_source
from dflow.executors.container.words import as_in_image, identity, qualified, run_words
from dflow.executors.quantities import bytes_of, cpus_of

MOUNTS = (Mount("/run", "/run"), Mount("/run/a", "/run/a", writable=True))


def _job(*argv, **fields):
    return Job("n", argv, Path("/run/a/workdir"), {}, Path("/run/a/log.txt"), step=Path("/run/a"), **fields)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PATH": "/usr/bin", "SAME": "as here", "OTHER": "here", "APPTAINERENV_X": "1"})
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_all_that_a_container_gets_is_in_its_words(engine):
    options = ContainerOptions(engine, network=False, extra_args=("--shm-size", "1g"))
    job = _job("sh", "script", resources={"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "4"}})
    launch = run_words(options, job, "image:1", MOUNTS, "dflow-a", ("--user", "0:0"))
    assert " ".join(launch.argv) == (
        f"{engine} run --name dflow-a --security-opt label=disable --user 0:0 -v /run:/run:ro -v /run/a:/run/a:rw "
        "--cpus 0.5 --memory 1073741824 --memory-swap 1073741824 --workdir /run/a/workdir --network=none "
        "--shm-size 1g --entrypoint sh image:1 script"
    )


@pytest.mark.parametrize("engine", ["apptainer", "singularity"])
def test_all_that_a_container_of_singularity_gets_is_in_its_words(engine):
    options = ContainerOptions(engine, executable="/opt/x", network=False, extra_args=("--nv",))
    launch = exec_words(options, _job("sh", "script", own_env={"A": "a,b"}), "image.sif", MOUNTS)
    assert " ".join(launch.argv) == (
        "/opt/x exec --containall --cleanenv -B /run:/run:ro -B /run/a:/run/a --pwd /run/a/workdir "
        "--net --network none --nv image.sif sh script"
    )
    assert launch.env[f"{engine.upper()}ENV_A"] == "a,b"
    assert launch.env[f"{engine.upper()}_NO_EVAL"] == "1"
    assert "APPTAINERENV_X" not in launch.env


def test_a_program_is_that_of_the_template_and_not_that_of_the_image():
    launch = run_words(ContainerOptions("podman"), _job(), "image", (), "n", ())
    assert "--entrypoint" not in launch.argv
    assert launch.argv[-1] == "image"


def test_values_of_variables_are_not_among_the_words_where_the_client_can_hold_them():
    own = {"MINE": "secret", "SAME": "as here", "OTHER": "mine", "DOCKER_HOST": "x", "LD_PRELOAD": "y"}
    launch = run_words(ContainerOptions("docker"), _job("sh", own_env=own), "image", (), "n", ())
    words = [word for flag, word in zip(launch.argv, launch.argv[1:], strict=False) if flag == "--env"]
    assert words == ["MINE", "SAME", "OTHER=mine", "DOCKER_HOST=x", "LD_PRELOAD=y"]
    assert {name: launch.env.get(name) for name in own} == {
        "MINE": "secret", "SAME": "as here", "OTHER": "here", "DOCKER_HOST": None, "LD_PRELOAD": None}  # fmt: skip


def test_who_is_not_root_has_a_home(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    job = _job("sh", own_env={"TMPDIR": "/run/a/workdir"})
    env = run_words(ContainerOptions("podman"), job, "image", (), "n", ()).env
    assert (env["HOME"], env["USER"]) == ("/run/a/workdir", "1000")


def test_names_with_colons_and_commas_are_mounted_or_refused():
    def words(name, engine="podman"):
        launch = run_words(ContainerOptions(engine), _job("sh"), "image", (Mount(name, name),), "n", ())
        return launch.argv[launch.argv.index("label=disable") + 1 :]

    assert "type=bind,source=/a:b,target=/a:b,readonly" in words("/a:b")
    assert "/a,b:/a,b:ro" in words("/a,b")
    with pytest.raises(LeafError, match="its name holds a colon, and a comma"):
        words("/a:b,c")
    launch = exec_words(ContainerOptions("apptainer"), _job("sh"), "i", (Mount('/a:b,"c', '/a:b,"c'),))
    assert launch.argv[4:6] == ("--mount", 'type=bind,"source=/a:b,""c","destination=/a:b,""c",ro')


def test_no_more_processors_are_asked_for_than_there_are():
    job = _job("sh", resources={"limits": {"cpu": "64"}})
    argv = run_words(ContainerOptions("docker"), job, "image", (), "n", ()).argv
    assert argv[argv.index("--cpus") + 1] == "8"


def test_the_user_is_the_same_inside_and_outside(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "getegid", lambda: 100)
    monkeypatch.setattr(os, "getgroups", lambda: [100, 27])
    assert identity("podman", rootless=True) == ("--userns=keep-id", "--user", "1000:100")
    assert identity("docker", rootless=False) == ("--user", "1000:100", "--group-add", "27")
    assert identity("docker", rootless=True) == ("--user", "0:0")


@pytest.mark.parametrize(
    ("argv", "inside"),
    [
        (("/opt/python", "script"), ("python3", "script")),
        (("/usr/bin/python", "script"), ("/usr/bin/python", "script")),
        (("sh", "/opt/python"), ("sh", "/opt/python")),
        (("/bin/sh", "-c", "x", "out", "/opt/python", "s"), ("/bin/sh", "-c", "x", "out", "python3", "s")),
        ((), ()),
    ],
)
def test_the_interpreter_of_this_machine_is_that_of_the_image_there(argv, inside):
    assert as_in_image(argv, "/opt/python") == inside


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("dptechnology/dflow", "docker.io/dptechnology/dflow"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("localhost/a", "localhost/a"),
        ("host:5000/a", "host:5000/a"),
    ],
)
def test_short_names_of_images_are_docker_hubs(image, full):
    assert qualified("podman", image) == full
    assert qualified("docker", image) == image


def test_images_of_singularity_are_files_or_addresses(tmp_path):
    (tmp_path / "x.sif").touch()
    assert image_source(str(tmp_path / "x.sif")) == str(tmp_path / "x.sif")
    assert image_source("library://a/b") == "library://a/b"
    assert image_source("alpine:3") == "docker://alpine:3"


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("2", 2), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000), ("1E", 1e18), ("100u", 0.0001), ("2k", 2000)],
)
def test_processors_are_kubernetes_quantities(text, number):
    assert cpus_of(text) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("128974848", 128974848),
        ("129e6", 129000000),
        ("123Mi", 123 << 20),
        ("1.5Gi", 3 << 29),
        ("1G", 10**9),
        ("1m", 1),
    ],
)
def test_memory_is_a_kubernetes_quantity(text, number):
    assert bytes_of(text) == number


@pytest.mark.parametrize("text", ["", "much", "1 Gi b", "-1", "0", "1e999999999", "1MiB", "0x10", "1" * 30])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(LeafError, match="it must be a quantity"):
        bytes_of(text)
    with pytest.raises(LeafError, match="it must be a quantity"):
        cpus_of(text)
