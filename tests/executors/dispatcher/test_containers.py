"""The words that run a job in a container of the machine that it runs on."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow.engine.errors import LeafError
from dflow.engine.ports import Job
from dflow.executors.dispatcher.containers import wrapper

JOB = Job(
    "a", ("sh", "/r/a/script"), Path("/r/a/workdir"), {"B": "2", "A": "1"}, Path("/r/a/log.txt"), image="alpine:3"
)


def _words(job=JOB, **container):
    return wrapper({"program": container["engine"], "image": None, "args": "", **container})(job.argv, ["/r"], job)


def test_docker_runs_as_the_user_and_sees_the_run():
    words = _words(engine="docker", args="--gpus all")
    assert words[:2] == ("sh", "-c")
    assert '--user "$(id -u):$(id -g)"' in words[2]
    assert " ".join(words[3:]) == (
        "docker -v /r:/r -e A -e B -w /r/a/workdir --entrypoint sh --gpus all alpine:3 /r/a/script"
    )


def test_podman_keeps_the_users_id_unless_that_is_root():
    assert "--userns=keep-id" in _words(engine="podman", program="/opt/podman")[2]
    assert _words(engine="podman", program="/opt/podman")[3] == "/opt/podman"


@pytest.mark.parametrize(
    ("image", "source"), [("alpine:3", "docker://alpine:3"), ("/a/b.sif", "/a/b.sif"), ("library://x", "library://x")]
)
def test_singularity_takes_files_and_images_of_registries(image, source):
    words = _words(engine="singularity", image=image)
    assert words == ("singularity", "exec", "--bind", "/r", "--pwd", "/r/a/workdir", source, "sh", "/r/a/script")


def test_without_an_image_it_says_so():
    with pytest.raises(LeafError, match="names no image"):
        _words(Job("a", ("sh",), Path("/w"), {}, Path("/l")), engine="docker")
