"""Help, misspelt words, exit statuses, and verbs that this installation has not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from dflow.cli import main
from dflow.cli.main import make_parser

VERBS = sorted(make_parser().verbs)
UPSTREAM = {
    "list": ["-l", "--label"],
    "get": [],
    "getsteps": ["-n", "--name", "-k", "--key", "-p", "--phase", "-i", "--id", "-t", "--type"],
    "getkeys": [],
    "delete": [],
    "resubmit": [],
    "resume": [],
    "retry": ["-s", "--step"],
    "stop": [],
    "suspend": [],
    "terminate": [],
    "wait": ["-i", "--interval"],
    "download": ["-k", "--key", "-u", "--urn", "-p", "--path"],
    "upload": [
        "-p",
        "--path",
        "-n",
        "--namespace",
        "-d",
        "--name",
        "-s",
        "--description",
        "-t",
        "--tag",
        "-r",
        "--property",
    ],
    "submit": ["-d", "--detach", "-n", "--name"],
    "create": ["-n", "--name", "-k", "--key"],
    "codegen": ["-o", "--output"],
}
"""The verbs and options of upstream's command, as its help shows them."""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples_of_itself(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: dflow {verb} ")
    examples = text.partition("examples:\n")[2].splitlines()
    assert examples
    assert all(f"dflow {verb}" in example or f"dflow({verb}" in example for example in examples)


@pytest.mark.parametrize("verb", VERBS)
def test_examples_are_commands_that_are_understood(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    examples = capsys.readouterr().out.partition("examples:\n")[2].splitlines()
    for example in examples:
        words = example.partition(f"dflow {verb}")[2]
        words = re.split(r"\s{3,}|[<>|&)]", words.strip().strip('"'))[0]
        words = [word.strip("'") for word in words.split()] if "'0 2" not in words else []
        if words or verb in ("list", "top", "ui"):
            options = make_parser().parse([verb, *words])
            assert options.verb == verb


@pytest.mark.parametrize("verb", sorted(UPSTREAM))
def test_options_of_upstream_are_accepted(verb):
    parser = make_parser().verbs[verb]
    known = {word for action in parser._actions for word in action.option_strings}
    assert set(UPSTREAM[verb]) <= known


def test_top_help_shows_all_verbs_in_groups_and_fits_a_narrow_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    shown = re.findall(r"^    (\w+) ", text, re.MULTILINE)
    assert sorted(shown) == VERBS
    assert re.findall(r"^(\S.*):$", text, re.MULTILINE) == [
        "run", "look", "act", "Argo", "keep", "examples"
    ]  # fmt: skip
    assert all(len(line) <= 80 for line in text.partition("examples")[0].splitlines())


@pytest.mark.parametrize(("word", "meant"), [("lits", "list"), ("getstep", "getsteps"), ("terminat", "terminate")])
def test_misspelt_verb_names_the_one_that_was_meant(word, meant, capsys):
    with pytest.raises(SystemExit) as left:
        main([word, "x"])
    assert left.value.code == 2
    assert capsys.readouterr().err == f"dflow: there is no verb {word!r} (did you mean {meant!r}?); see: dflow --help\n"


def test_misspelt_option_names_the_one_that_was_meant(capsys):
    with pytest.raises(SystemExit) as left:
        main(["list", "--phas3", "Failed"])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: dflow list ")
    assert "unrecognized arguments: --phas3 Failed (did you mean '--phase'?)" in error


def test_misspelt_run_and_step_name_those_that_were_meant(wf, dflow):
    error = dflow("get", "trian-abc12", status=1).stderr
    assert "there is no run 'trian-abc12' in" in error
    assert error.endswith("(did you mean 'train-abc12'?); see: dflow list\n")
    error = dflow("explain", wf.id, "goood", status=1).stderr
    assert "has no step 'goood' (did you mean 'good'" in error
    assert dflow("get", "zzz", status=1).stderr.endswith("; see: dflow list\n")


def test_optional_word_may_stand_behind_an_option(wf, dflow):
    assert dflow("logs", wf.id, "--tail", "1", "good").stdout == "warn\n"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["list"], 0),
        ([], 2),
        (["doctor"], 2),
        (["get", "nothing"], 1),
        (["get", ""], 1),
        (["wait", "x", "--interval", "soon"], 2),
        (["completion", "tcsh"], 2),
        (["lint", "nothing.yaml"], 1),
        (["download"], 2),
        (["upload"], 2),
        (["list", "--older", "soon"], 2),
        (["getsteps", "x", "--phase", "Sukceeded"], 2),
        (["upload", "nothing"], 1),
    ],
)
def test_exit_statuses(words, status, dflow):
    done = dflow(*words, status=status)
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) == (status != 0 and bool(words))


def test_ctrl_c_exits_with_130(wf, dflow):
    (file := wf_status(wf)).write_text("Pending")
    process = dflow.start("wait", wf.id)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.communicate()
    assert file.read_text() == "Pending"


def wf_status(wf):
    from pathlib import Path

    return Path(wf.id) / "status"


def test_verb_of_a_module_that_is_not_installed_says_how_to_get_it(monkeypatch, capsys):
    from importlib import util

    monkeypatch.setattr(util, "find_spec", lambda _: None)
    assert main(["ui", "--no-browser"]) == 1
    assert capsys.readouterr().err == "dflow: this installation has no dflow ui: pip install 'pydflow[ui]'\n"


def test_secrets_of_a_parent_are_taken_over_by_the_name_that_their_module_has():
    from dflow.cli.main import _SECRETS
    from dflow.executors.secrets import VARIABLE

    assert _SECRETS == VARIABLE


def test_listing_loads_neither_engine_nor_compiler(wf):
    code = (
        "import sys\nfrom dflow.cli import main\nmain(['list'])\n"
        "print([m for m in ('anyio', 'networkx', 'dflow.compile', 'dflow.engine.scheduler', 'asyncio', 'yaml') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert wf.id in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
