"""Running the blocks of the user guides.

A test holds a block of a guide word for word, as a constant. The script that runs is put together from such
constants and the few lines that the guide leaves to the reader, so a block and its script cannot drift apart. Where
the guide's own text cannot run, the test names the difference beside it::

    workflow = run(SETUP, GUIDE_STEP, SUBMIT, differences=[("    ...\\n", "    name='hello',\\n", "left open")])

A difference is ``(the guide's text, our text, why)``; the guide's text must stand in the script exactly once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from dflow import config, query_workflows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dflow import Workflow

    Difference = tuple[str, str, str]


@pytest.fixture(autouse=True)
def in_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in a directory of its own, with settings of its own."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("DFLOW_")]:
        monkeypatch.delenv(variable)
    for name, value in dict(config).items():
        monkeypatch.setitem(config, name, value)
    return tmp_path


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script made of blocks as a user does; its exit status and what it printed."""

    def execute(*parts: str, differences: Sequence[Difference] = ()) -> subprocess.CompletedProcess[str]:
        text = "\n".join(parts)
        for theirs, ours, why in differences:
            assert why
            assert text.count(theirs) == 1, f"{theirs!r} stands {text.count(theirs)} times in the blocks"
            text = text.replace(theirs, ours)
        script = tmp_path / "script.py"
        script.write_text(text)
        ended = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        print(ended.stdout, ended.stderr, sep="\n")  # pytest shows it when the test fails
        return ended

    return execute


@pytest.fixture
def run(execute: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., Workflow]:
    """Run a script made of blocks, which must end well; the workflow that it submitted last, looked up from here."""

    def run(*parts: str, differences: Sequence[Difference] = ()) -> Any:
        from dflow import Workflow

        ended = execute(*parts, differences=differences)
        assert ended.returncode == 0, ended.stderr
        return Workflow(id=query_workflows()[0].id)

    return run


@pytest.fixture
def wait_until_gone(until: Callable[..., None]) -> Callable[[str], None]:
    """Wait for the end, due by now, of a process whose id a program has written down."""

    def is_gone(pid: int) -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state == "Z"

    return lambda pid: until(lambda: is_gone(int(pid)), seconds=2.0)
