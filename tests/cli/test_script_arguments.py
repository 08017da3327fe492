"""What stands behind ``--`` is the script's, for every verb that reads the workflow of a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dflow.cli.completion import candidates

SCRIPT = """
import argparse
from dflow import ShellOPTemplate, Step, Workflow

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("-o", "--output", default="nowhere")
options = parser.parse_args()
wf = Workflow("train")
wf.add(Step(f"train-{options.epochs}", ShellOPTemplate("t", script=f"echo {options.output}")))
wf.submit()
"""


@pytest.fixture(autouse=True)
def _script() -> None:
    Path("train.py").write_text(SCRIPT)


def dflow(*words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "dflow.cli", *words], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("verb", ["graph", "export", "codegen"])
@pytest.mark.parametrize("before", [(), ("-o", "made")])
def test_script_gets_what_stands_behind_the_dashes_and_the_verb_what_stands_before(verb, before):
    done = dflow(verb, "train.py", *before, "--", "--epochs", "3", "-o", "here")
    text = Path("made").read_text() if before else done.stdout
    assert "train-3" in text
    assert not Path("here").exists()
    assert before or not Path("made").exists()


def test_options_of_the_verb_may_stand_before_the_script():
    dflow("graph", "-o", "made.svg", "train.py", "--", "--epochs=7")
    assert "train-7" in Path("made.svg").read_text()


def test_script_with_arguments_is_checked():
    assert "train.py: 0 errors" in dflow("lint", "train.py", "--", "--epochs", "3").stdout
    assert dflow("lint", "train.py", "--json", "--", "--epochs", "3").stdout == "[]\n"


def test_run_takes_the_same_words_as_the_others():
    assert "Succeeded" in dflow("run", "train.py", "--", "--epochs", "3").stdout
    assert "Succeeded" in dflow("run", "train.py", "--epochs", "3").stdout
    Path("tell.py").write_text("import sys\nprint(sys.argv[1:])\n")
    assert dflow("run", "tell.py", "--", "--", "-x").stdout == "['--', '-x']\n"
    assert dflow("run", "tell.py", "a", "--", "-x").stdout == "['a', '--', '-x']\n"
    assert dflow("run", "tell.py").stdout == "[]\n"


@pytest.mark.parametrize("verb", ["graph", "export", "lint", "codegen"])
def test_option_that_is_the_scripts_is_refused_with_the_way_to_give_it(verb):
    done = dflow(verb, "train.py", "--epochs", "3", status=2)
    assert "unrecognized arguments: --epochs 3; what is meant for the script stands behind --" in done.stderr
    assert f"usage: dflow {verb} " in done.stderr
    assert "[-- ARGUMENT …]" in done.stderr


def test_option_that_is_nearly_the_verbs_is_taken_for_a_slip():
    assert "did you mean '--format'?" in dflow("graph", "train.py", "--formt", "svg", status=2).stderr


def test_script_that_lacks_its_arguments_says_so_and_where_they_go():
    done = dflow("graph", "train.py", status=2)
    assert "the following arguments are required: --epochs" in done.stderr
    assert "train.py ended before it submitted a workflow; what stands behind -- is given to it" in done.stderr
    assert "behind --" not in dflow("graph", "train.py", "--", "--epochs", "x", status=2).stderr


@pytest.mark.parametrize("verb", ["graph", "export", "lint", "codegen"])
def test_what_is_no_script_takes_no_arguments(verb):
    dflow("export", "train.py", "-o", "train.yaml", "--", "--epochs", "3")
    Path("hello.yaml").write_text("name: hello\nsteps:\n- say: {script: echo hello}\n")
    for file in ("train.yaml", "hello.yaml") if verb != "export" else ("hello.yaml",):
        done = dflow(verb, file, "--", "--epochs", "3", status=1)
        assert done.stderr == f"dflow: {file} is no Python script, so it takes no arguments: --epochs 3\n"


def test_run_takes_no_arguments_either():
    done = dflow("graph", "@latest", "--", "3", status=1)
    assert done.stderr == "dflow: @latest is no Python script, so it takes no arguments: 3\n"


def test_what_the_script_takes_is_not_completed():
    assert candidates(["graph", "train.py", "--f"]) == ["--format"]
    assert candidates(["graph", "train.py", "--", "--f"]) == []
