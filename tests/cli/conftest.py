"""Commands as a user types them, and runs to look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from dflow import ShellOPTemplate, Step, Workflow


class Command:
    """``dflow`` as a program."""

    def __call__(self, *words: str, status: int = 0, given: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "dflow.cli", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *words: str, status: int = 0) -> Any:
        """The one document that a verb prints."""
        return json.loads(self(*words, "--json", status=status).stdout)

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """The command as a process that goes on."""
        settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen([sys.executable, "-m", "dflow.cli", *words], **settings)


@pytest.fixture
def dflow() -> Command:
    return Command()


@pytest.fixture
def wf() -> Workflow:
    """A run with a step that succeeds and one that fails."""
    wf = Workflow("train", id="train-abc12", labels={"team": "a", "kind": "test"})
    wf.add(Step("good", ShellOPTemplate("good", script="echo fine; echo warn >&2"), key="iter-0.good"))
    wf.add(Step("loop", ShellOPTemplate("loop", script="echo turn"), with_param=[1, 2]))
    wf.add(Step("bad", ShellOPTemplate("bad", script="echo before; printf 'no end'; exit 3")))
    wf.submit()
    return wf


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """One in which ``dflow`` is a program on the path."""
    tools = tmp_path / ".bin"
    tools.mkdir()
    tool = tools / "dflow"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dflow.cli "$@"\n')
    tool.chmod(0o755)
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
