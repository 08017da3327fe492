"""The line of the shell that runs a script in a container."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from dflow.executor import run_script

ODD = """a b'c"$HOME;`id`&&"""


@pytest.fixture(autouse=True)
def _own_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine(tmp_path):
    """A program that writes its words down, and fails where the file FAIL holds the first of them."""
    program = tmp_path / "an engine"
    program.write_text(
        f"#!/bin/sh\ncd {tmp_path}\nfor word; do printf '%s\\001' \"$word\"; done >> said\nprintf '\\002' >> said\n"
        'test "$1" != "$(cat FAIL 2>/dev/null)"\n'
    )
    program.chmod(0o755)
    return str(program)


def said(line: str, *, ok: bool = True) -> list[list[str]]:
    done = subprocess.run(line, shell=True, check=False, capture_output=True, text=True)  # noqa: S602 - a line of the shell
    assert (done.returncode == 0) is ok, done.stderr
    return [call.split("\1")[:-1] for call in Path("said").read_text().split("\2")[:-1]]


def test_without_a_program_the_script_is_run_as_it_is():
    Path("script").write_text("import sys; print(sys.argv)")
    line = run_script("image", ["python3", "-u"])
    assert line == "python3 -u script"
    assert run_script("image", "python3 -u") == line
    done = subprocess.run(line, shell=True, check=True, capture_output=True)  # noqa: S602 - a line of the shell
    assert done.stdout == b"['script']\n"


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_engine_gets_each_thing_as_one_word(engine, name, tmp_path):
    line = run_script(
        ODD, ["sh", ODD], **{name: engine}, host_mounts={"/there": ODD}, cpu="1500m", memory="1Gi",
        args="--gpus all", envs={"A": ODD},
    )  # fmt: skip
    inspect, run = said(line)
    assert inspect == ["image", "inspect", ODD]
    here = ["-v", f"{tmp_path}/tmp:/tmp", "-v", f"{tmp_path}/script:/script", "-v", f"{ODD}:/there"]
    limits = ["--cpus", "1.5", "--memory", str(2**30)]
    assert run == ["run", "--rm", *here, "-e", f"A={ODD}", *limits, "--gpus", "all", ODD, "sh", ODD, "/script"]
    assert Path("tmp").is_dir()


@pytest.mark.parametrize(
    ("policy", "is_there", "verbs"),
    [
        (None, True, ["image", "run"]),
        (None, False, ["image", "pull", "run"]),
        ("IfNotPresent", False, ["image", "pull", "run"]),
        ("Always", True, ["pull", "run"]),
        ("Never", True, ["image", "run"]),
    ],
)
def test_images_are_pulled_as_the_policy_says(engine, policy, is_there, verbs):
    if not is_there:
        Path("FAIL").write_text("image")
    assert [words[0] for words in said(run_script("i", "sh", docker=engine, image_pull_policy=policy))] == verbs


def test_an_image_that_must_be_there_and_is_not_is_a_failure(engine):
    Path("FAIL").write_text("image")
    line = run_script("i", "sh", docker=engine, image_pull_policy="Never")
    assert [words[0] for words in said(line, ok=False)] == ["image"]


@pytest.mark.parametrize(
    ("image", "policy", "expected"),
    [
        ("alpine:3", None, ["exec", "docker://alpine:3"]),
        ("alpine:3", "Always", ["exec", "--disable-cache", "docker://alpine:3"]),
        ("library://x", "Never", ["exec", "library://x"]),
        ("there.sif", None, ["exec", "there.sif"]),
        ("there.sif", "Never", ["exec", "there.sif"]),
        ("a file", None, ["exec", "a file"]),
    ],
)
def test_singularity_gets_a_file_or_an_address(engine, image, policy, expected):
    Path("there.sif").touch()
    Path("a file").touch()
    (words,) = said(run_script(image, "sh", singularity=engine, image_pull_policy=policy, envs={"A": ODD}))
    assert words[-2:] == ["sh", "/script"]
    assert words[words.index("--env") + 1] == f"A={ODD}"
    own = [word for word in words if word in expected]
    assert own == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"docker": "d", "podman": "p"}, "takes one of docker, singularity and podman, not docker and podman"),
        ({"docker": "d", "image_pull_policy": "Sometimes"}, "image_pull_policy is 'Sometimes'"),
        ({"docker": "d", "cpu": "lots"}, "the limit of cpu is 'lots'"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        run_script("i", "sh", **given)


def test_words_are_quoted_for_a_shell():
    assert shlex.split(run_script("i", [ODD])) == [ODD, "script"]
