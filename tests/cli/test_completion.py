"""What Tab offers: by the answers of the program, and in real shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dflow.cli.completion import candidates


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["gets"], ["getsteps"]),
        (["--v"], ["--version"]),
        (["nonsense", ""], []),
        (["getsteps", "tr"], ["train-abc12"]),
        (["getsteps", "@"], ["@latest"]),
        (["graph", "tr"], ["train-abc12"]),
        (["codegen", "tr"], ["train-abc12"]),
        (["ui", "tr"], ["train-abc12"]),
        (["getsteps", "train-abc12", "--ph"], ["--phase"]),
        (["getsteps", "x", "--phase", "F"], ["Failed"]),
        (["getsteps", "x", "-p", "Failed,s"], ["Failed,Skipped", "Failed,Succeeded"]),
        (["logs", "train-abc12", ""], ["good", "iter-0.good", "loop", "bad"]),
        (["logs", "train", "b"], ["bad"]),
        (["logs", "@latest", "loop("], ["loop(0:1)", "loop(1:2)"]),
        (["logs", "-f", "@latest", "iter"], ["iter-0.good"]),
        (["logs", "nothing", ""], []),
        (["retry", "train-abc12", "--step", "b"], ["bad"]),
        (["getsteps", "train-abc12", "--key", "iter"], ["iter-0.good"]),
        (["debug", "@latest", "bad", "--isolation", "sp"], ["spawn"]),
        (["completion", "z"], ["zsh"]),
        (["run", "--det"], ["--detach"]),
        (["run", "script.py", "--det"], []),
        (["run", "scr"], []),
        (["run", "--id", "tr"], ["train-abc12"]),
        (["export", "x.py", "--kind", "Cron"], ["CronWorkflow"]),
    ],
)
def test_candidates(wf, words, wanted):
    assert candidates(words) == wanted


def test_hidden_words_of_runs_are_looked_for_where_runs_are(wf, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    assert candidates(["get", "train"]) == []
    monkeypatch.setenv("DFLOW_DEBUG_WORKDIR", str(tmp_path))
    assert candidates(["get", "train"]) == ["train-abc12"]
    assert candidates(["logs", "train", "g"]) == ["good"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("dflow getst", ["getsteps"]),
        ("dflow  get  @la", ["@latest"]),
        ("dflow logs 'train-abc12' loo", ["loop"]),
        ("dflow logs train-abc12 'loop(", ["loop(0:1)", "loop(1:2)"]),
        ("dflow logs train-abc12 loop\\(0:", ["1\\)"]),
        ("dflow", []),
    ],
)
def test_lines_of_bash(wf, dflow, line, wanted):
    breaks = " \t\n\"'@><=;|&:"
    assert dflow("__complete", "bash", line, breaks).stdout.splitlines() == wanted


def test_names_with_dollars_are_not_run_by_the_shell(dflow, tmp_path):
    (tmp_path / "r" / ".dflow").mkdir(parents=True)
    (tmp_path / "r" / ".dflow" / "graph.json").touch()
    (tmp_path / "r" / ".dflow" / "journal.jsonl").write_text('{"key":"to$HOME`y`\'z"}\n{"key":"to\\u001b[2J"}\n')
    for line, wanted in (
        ("to", "to\\$HOME\\`y\\`\\'z"),
        ("'to$H", "to$HOME`y`'\\''z"),
        ('"to', "to\\$HOME\\`y\\`'z"),
    ):
        assert dflow("__complete", "bash", f"dflow logs r {line}", " \t\n\"'@><=;|&(:").stdout.splitlines() == [wanted]


def test_answers_come_fast_and_from_files_alone(wf, dflow):
    journal = Path(wf.id, ".dflow", "journal.jsonl")
    lines = [line for line in journal.read_text().splitlines() if '"bad"' in line]
    journal.write_text("".join(line.replace('"bad"', f'"s{n}"') + "\n" for n in range(10_000) for line in lines[:1]))
    took = []
    for _ in range(5):
        began = time.monotonic()
        found = dflow("__complete", "words", "logs", wf.id, "s99").stdout.split()
        took.append(time.monotonic() - began)
    assert len(found) == 111
    python = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dflow.cli", "__complete", "words", "logs", wf.id, ""],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in python.stderr.splitlines()}
    assert not loaded & {
        "dflow.query",
        "dflow.config",
        "dflow.engine.runner",
        "dflow.engine.model",
        "asyncio",
        "logging",
    }
    assert min(took) < 0.5  # 0.06 s where nothing else runs


def test_unreadable_run_gives_no_message(dflow, tmp_path):
    (tmp_path / "r" / ".dflow").mkdir(parents=True)
    (tmp_path / "r" / ".dflow" / "graph.json").touch()
    done = dflow("__complete", "words", "logs", "r", "", status=1)
    assert done.stdout + done.stderr == ""


# -- real shells ------------------------------------------------------------------------------------------------------


class Shell:
    """A shell on a terminal."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, {**environment, "TERM": "dumb", "HISTFILE": "/dev/null"})  # noqa: S606 - a shell
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def expect(self, text: str, timeout: float = 20) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._terminal], [], [], 0.2)[0]:
                self.seen += os.read(self._terminal, 4096).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(dflow completion bash)"; echo rea""dy\n'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -Uz compinit && compinit -u -D; eval "$(dflow completion zsh)"; echo rea""dy\n',
    ),
    "fish": (["fish", "--no-config", "-i"], 'dflow completion fish | source; echo rea""dy\n'),
}


@pytest.fixture(params=sorted(SHELLS))
def shell(request, environment, wf, tmp_path):
    if shutil.which(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    words, preparation = SHELLS[request.param]
    started = Shell(words, {**environment, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")})
    time.sleep(0.5)
    started.type(preparation)
    started.expect("ready")
    yield started
    started.close()


@pytest.mark.waiting
def test_tab_completes_verbs_runs_and_steps(shell):
    shell.type("dflow getst\t")
    time.sleep(1)
    shell.type("train\t")
    time.sleep(1)
    shell.type("--pha\t")
    time.sleep(1)
    shell.type("Fai\t")
    time.sleep(1)
    shell.type('; echo en""ded\n')
    shell.expect("MESSAGE")
    shell.expect("bad")
    shell.expect("Failed")
    shell.expect("ended")


def test_tab_completes_the_latest_run_and_keys(shell):
    shell.type("dflow logs @la\t")
    time.sleep(1)
    shell.type("iter\t")
    time.sleep(1)
    shell.type('; echo en""ded\n')
    shell.expect("fine")
    shell.expect("ended")


@pytest.mark.parametrize("shell", ["bash"], indirect=True)
@pytest.mark.parametrize("typed", ["'loop(1\t", '"loop(1:\t'])
def test_tab_inside_of_quotes_gives_what_can_be_run(shell, typed):
    shell.type(f"dflow logs train-abc12 {typed}")
    time.sleep(1)
    shell.type('; echo en""ded\n')
    shell.expect("turn")
    shell.expect("ended")


def test_tab_completes_file_names_where_files_are_wanted(shell, tmp_path):
    (tmp_path / "only_this_script.py").write_text("print('it ran')")
    shell.type("dflow run only_th\t")
    time.sleep(1)
    shell.type('; echo en""ded\n')
    shell.expect("it ran")
    shell.expect("ended")
