"""Declared paths are moved into the step; everything else stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from dflow.engine.paths import placed, remap

PLACES = {"/tmp/x": "<x>", "/tmp/x/inner": "<inner>", "/tmp/out": "<out>", "/data/in.txt": "<in>", "rel/y": "<y>"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat /tmp/out/x", "cat <out>/x"),
        ("/tmp/x", "<x>"),
        ("echo hi >/tmp/x", "echo hi ><x>"),
        ("echo hi 2>/tmp/x", "echo hi 2><x>"),
        ("cp '/tmp/x' \"/tmp/out\"", "cp '<x>' \"<out>\""),
        ("open('/tmp/x', 'w')", "open('<x>', 'w')"),
        ("a=/tmp/x", "a=<x>"),
        ("--in=/tmp/x,/tmp/out:/tmp/x", "--in=<x>,<out>:<x>"),
        ("$(cat /tmp/x)`cat /tmp/x`", "$(cat <x>)`cat <x>`"),
        ("/tmp/x;/tmp/x|/tmp/x&", "<x>;<x>|<x>&"),
        ("line\n/tmp/x\n", "line\n<x>\n"),
        ("ls /tmp/x/", "ls <x>/"),
        ("written to /tmp/x.", "written to <x>."),
        ("written to /tmp/x, see", "written to <x>, see"),
        ("ls /tmp/x*", "ls <x>*"),
        ("cat /data/in.txt", "cat <in>"),
    ],
)
def test_a_whole_path_is_replaced(text, expected):
    assert remap(text, PLACES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "/tmp/output",
        "/data/tmp/out",
        "$HOME/tmp/out",
        "${HOME}/tmp/out",
        "$(pwd)/tmp/out",
        "{{inputs.parameters.dir}}/tmp/out",
        "~/tmp/out",
        "./tmp/out",
        "../tmp/out",
        "a/tmp/x",
        "a-/tmp/x",
        "http://host//tmp/x",
        "/tmp/x.bak",
        "/tmp/x.1",
        "/tmp/x-1",
        "/tmp/x_1",
        "/tmp/xy",
        "/data/in.txt.gz",
        "/data/inXtxt",
        "rel/y",
        "/tmp",
        "/TMP/X",
        "",
    ],
)
def test_what_is_not_a_whole_declared_path_is_left_alone(text):
    assert remap(text, PLACES) == text


def test_the_longest_path_wins():
    assert remap("/tmp/x/inner /tmp/x/inner/z /tmp/x/inn /tmp/x/innermost", PLACES) == (
        "<inner> <inner>/z <x>/inn <x>/innermost"
    )


@pytest.mark.parametrize("text", ["ls /tmp/dir/ /tmp/dir/a /tmp/dir", "ls /tmp/dir"])
def test_a_path_declared_with_a_trailing_slash_is_the_same_path(text):
    assert remap(text, {"/tmp/dir/": "<d>"}) == text.replace("/tmp/dir", "<d>")


def test_what_was_put_in_is_not_replaced_again():
    places = {"/tmp/x": "/run/tmp/x", "/run": "<run>"}
    assert remap("cat /tmp/x", places) == "cat /run/tmp/x"


def test_a_backslash_in_a_place_is_kept():
    assert remap("/tmp/x", {"/tmp/x": r"a\1\g<0>"}) == r"a\1\g<0>"


def test_without_declared_paths_a_text_is_returned_as_it_is():
    assert remap("cat /tmp/x", {}) == "cat /tmp/x"


def test_a_place_is_written_as_an_absolute_path_where_a_shell_takes_it_unquoted():
    assert placed(Path("/runs/wf-1/k/workdir/tmp/x"), Path("/runs/wf-1/k/workdir")) == "/runs/wf-1/k/workdir/tmp/x"


@pytest.mark.parametrize("folder", ["/my runs", "/it's", "/a$b", "/(x)", "/été", "/new\nline"])
def test_a_place_that_would_need_quotes_is_written_relative_to_the_working_directory(folder):
    work = Path(folder) / "wf-1" / "k" / "workdir"
    assert placed(work / "tmp" / "x", work) == "tmp/x"
