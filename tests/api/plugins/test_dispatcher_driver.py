"""Parts of the program that sends a step elsewhere: what may not go wrong whatever comes back."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile

import pytest
from dflow.plugins import dispatcher_driver as driver

ROOT = "DFLOWROOT0"


def archive(path, *members):
    with tarfile.open(path, "w") as made:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o4755
            if kind == tarfile.REGTYPE:
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                made.addfile(member)


def told(tmp_path, **more):
    place = {"at": str(tmp_path / "here" / "out"), "rel": "tmp/out"}
    common = {"inputs": [], "container": None, "map_tmp": True, "packages": [], "envs": [], "resources": {}}
    return {**common, "outputs": [place], **more}


def test_what_comes_back_is_put_into_outputs_alone(tmp_path):
    file, secret = tmp_path / "back.tar", tmp_path / "secret"
    secret.write_text("secret")
    archive(
        file,
        ("tmp/out", tarfile.DIRTYPE, ""),
        ("tmp/out/a", tarfile.REGTYPE, b"a"),
        ("tmp/out/twin", tarfile.LNKTYPE, "tmp/out/a"),
        ("tmp/out/link", tarfile.SYMTYPE, str(secret)),
        ("tmp/out/pipe", tarfile.FIFOTYPE, ""),
        ("tmp/other", tarfile.REGTYPE, b"not declared"),
        ("tmp/outer", tarfile.REGTYPE, b"not declared"),
    )
    driver._unpack(str(file), told(tmp_path))
    found = {p.name: p for p in (tmp_path / "here" / "out").iterdir()}
    assert set(found) == {"a", "twin"}
    assert found["a"].read_text() == found["twin"].read_text() == "a"
    assert found["a"].stat().st_mode & 0o7777 == 0o755
    assert [p.name for p in (tmp_path / "here").iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["../evil", "tmp/out/../../evil", "/tmp/evil"])
def test_what_would_leave_the_outputs_is_refused(tmp_path, name):
    archive(tmp_path / "back.tar", (name, tarfile.REGTYPE, b"x"))
    with pytest.raises(ValueError, match="which lies outside of its outputs"):
        driver._unpack(str(tmp_path / "back.tar"), told(tmp_path))
    assert not (tmp_path / "here").exists()


def test_inputs_are_sent_as_what_links_lead_to_and_circles_end(tmp_path):
    (tmp_path / "far.txt").write_text("far")
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "far").symlink_to(tmp_path / "far.txt")
    (tmp_path / "in" / "dead").symlink_to("nowhere")
    (tmp_path / "in" / "sub" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "__pycache__").mkdir()
    with tarfile.open(tmp_path / "x.tar", "w", dereference=True) as made:
        driver._add(made, str(tmp_path / "in"), "tmp/in", without=("__pycache__",))
    with tarfile.open(tmp_path / "x.tar") as made:
        assert made.getnames() == ["tmp/in", "tmp/in/far", "tmp/in/sub"]
        assert made.extractfile("tmp/in/far").read() == b"far"


def test_paths_are_moved_as_wholes(tmp_path):
    inputs = [{"at": "/run/step/in", "rel": "tmp/in"}, {"at": "/run/step/in.txt", "rel": "data/in.txt"}]
    moved = driver._Paths(told(tmp_path, inputs=inputs, outputs=[]), ROOT)
    text = "cat /run/step/in.txt /run/step/in/x /run/step/int /x/run/step/in > /tmp/y; ls /tmp /tmpx $HOME/tmp '/tmp'"
    assert moved.there(text) == (
        f"cat {ROOT}/data/in.txt {ROOT}/tmp/in/x /run/step/int /x/run/step/in > {ROOT}/tmp/y; "
        f"ls {ROOT}/tmp /tmpx $HOME/tmp '{ROOT}/tmp'"
    )
    boxed = driver._Paths(told(tmp_path, inputs=inputs, outputs=[], container={"engine": "docker"}), ROOT)
    assert boxed.there("cat /run/step/in.txt > /tmp/y") == "cat /data/in.txt > /tmp/y", "as the image expects them"


@pytest.mark.parametrize("word", ["", "a b", "it's", '"$HOME" `id` \\', "{x}/a", "a{x}{x}", "new\nline"])
def test_words_reach_the_program_as_they_are(word):
    text = driver._quoted(word.replace("{x}", ROOT), ROOT)
    done = subprocess.run(
        ["sh", "-c", f"root='/r o'; printf '%s' {text}"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == word.replace("{x}", "/r o")
