"""What the README says can be done is done here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [(language, text) for language, text in BLOCK.findall(README)]
PYTHON = [text for language, text in BLOCKS if language == "python"]
EXAMPLE = "examples/eos_copper/eos_copper.py"
RUN = f"python3 -m venv .venv && .venv/bin/pip install -q '.[examples]' && .venv/bin/dflow run {EXAMPLE}"
TEST = "python3 -m venv .venv && .venv/bin/pip install -q '.[test]' && .venv/bin/python -m pytest -n auto"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def run(text: str, folder: Path, name: str = "script.py") -> subprocess.CompletedProcess[str]:
    """Run a block as a script."""
    folder.joinpath(name).write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, name],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )


def without_id(text: str) -> str:
    """The text with one and the same id, and file names without directories."""
    return re.sub(r'File "[^"]*/', 'File "', re.sub(r"\btrain-[a-z0-9]{5}\b", "train-ID", text))


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_block_runs(number: int, tmp_path: Path) -> None:
    result = run(PYTHON[number], tmp_path)
    assert result.returncode == 0, result.stdout


def test_quick_start_prints_what_the_readme_says(tmp_path: Path) -> None:
    (said,) = re.findall(r"It prints `([^`]+)`", README)
    assert run(PYTHON[0], tmp_path).stdout.splitlines()[-1] == said


def test_failure_looks_as_the_readme_says(tmp_path: Path) -> None:
    shown = next(text for language, text in BLOCKS if not language and "diverged" in text)
    assert without_id(run(PYTHON[1], tmp_path, "train.py").stdout) == without_id(shown)


@pytest.mark.docs
def test_quick_start_is_exported_checked_and_run_as_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(PYTHON[0], encoding="utf-8")
    (commands,) = (text for language, text in BLOCKS if not language and text.startswith("dflow export"))
    for command in commands.splitlines():
        _, *words = command.partition("#")[0].split()
        done = subprocess.run(
            [sys.executable, "-m", "dflow.cli", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Succeeded" in done.stdout


@pytest.mark.parametrize("command", [RUN, TEST])
def test_command_stands_on_a_line_of_its_own(command: str) -> None:
    assert f"\n```\n{command}\n```\n" in README
    assert (ROOT / EXAMPLE).is_file()


def test_every_verb_of_the_command_line_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    from dflow.cli import main

    with pytest.raises(SystemExit):
        main(["--help"])
    verbs: Any = re.findall(r"^    (\w+)", capsys.readouterr().out, re.MULTILINE)
    table = README[README.index("## The command line") : README.index("## What is where")]
    assert verbs
    assert [verb for verb in verbs if not re.search(rf"`(dflow )?{verb}\b", table)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
