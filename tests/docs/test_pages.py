"""What pages in docs/ say of code is so; most of their blocks are run by test_blocks.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "tests" / "exporters" / "argo" / "examples"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HELLO = """\
from dflow import ShellOPTemplate, Step, Workflow
wf = Workflow("hello")
wf.add(Step("say", ShellOPTemplate("say", script="echo hello")))
"""


def blocks_of(page: str) -> list[tuple[str, str]]:
    """Language and text of each block."""
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def run(command: list[str], folder: Path, **variables: str) -> str:
    """What a command prints, in both streams; ``dflow`` is on its path."""
    tools = folder / ".bin"
    tools.mkdir(exist_ok=True)
    tool = tools / "dflow"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dflow.cli "$@"\n', encoding="utf-8")
    tool.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1", **variables}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"
    return done.stdout


def test_numbers_in_argo_md_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "parity"))
    from test_parity import CASES

    page = (DOCS / "argo.md").read_text(encoding="utf-8")
    assert f"the {len(CASES)} workflows of `tests/parity`" in page
    assert f"\n- {len(list(EXAMPLES.glob('*.yaml')))} example manifests" in page


def test_gen_code_prints_what_diagrams_md_shows(tmp_path: Path) -> None:
    *_, first, second = (text for language, text in blocks_of("diagrams.md") if language == "python")
    (tmp_path / "hello.py").write_text(first, encoding="utf-8")
    printed = run([sys.executable, "hello.py"], tmp_path)
    assert printed.rstrip("\n") == second.rstrip("\n")
    (tmp_path / "made.py").write_text(second, encoding="utf-8")
    assert "Succeeded" in run([sys.executable, "made.py"], tmp_path)


def test_what_diagrams_md_draws_in_python_is_drawn(tmp_path: Path) -> None:
    first, *_ = (text for language, text in blocks_of("diagrams.md") if language == "python")
    (tmp_path / "draw.py").write_text(first, encoding="utf-8")
    run([sys.executable, "draw.py"], tmp_path)
    assert ">say</text>" in (tmp_path / "hello.svg").read_text(encoding="utf-8")


def test_what_argo_server_md_shows_sends_a_workflow(tmp_path: Path) -> None:
    from argo_server import ArgoTestServer

    ((_, text),) = blocks_of("argo-server.md")
    word = "a token"
    with ArgoTestServer(token=word) as server:
        text = text.replace("https://argo.example.org:2746", server.url).replace('"…"', repr(word))
        sent, _, waited = text.partition("wf.wait()")
        assert waited
        (tmp_path / "block.py").write_text(f"{HELLO}{sent}print(wf.id)\n", encoding="utf-8")
        name = run([sys.executable, "block.py"], tmp_path, NO_PROXY="127.0.0.1").splitlines()[-1]
        assert list(server.workflows) == [name]
        server.set_status(name, {"phase": "Succeeded"})
        settings = "\n".join(line for line in sent.splitlines() if "submit" not in line)
        again = f"from dflow import Workflow\n{settings}\nprint(Workflow(id={name!r}).wait())\n"
        (tmp_path / "block.py").write_text(again, encoding="utf-8")
        assert run([sys.executable, "block.py"], tmp_path, NO_PROXY="127.0.0.1") == "Succeeded\n"


def test_errors_md_names_every_error() -> None:
    from dflow.engine import errors
    from dflow.exporters.argo.server import errors as of_servers

    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    names = [*errors.__all__, *of_servers.__all__]
    assert [name for name in names if f"`{name}`" not in page] == []
