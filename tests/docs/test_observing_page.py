"""docs/observing.md: its code runs, and its tables are complete."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import dflow.observers
import pytest
from dflow.observers import Event, Observer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "observing.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LOGGER = re.compile(r"getLogger\(\"(dflow[\w.]*)\"\)")
FOLDERS = ("api", "engine", "executors", "exporters", "storage")


def test_what_the_page_shows_is_so(tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 3
    (tmp_path / "script.py").write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"told-1 ended Succeeded after \d+\.\d s", done.stdout)
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 6


def test_the_page_names_every_logger() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    used = {name for file in files for name in LOGGER.findall(file.read_text(encoding="utf-8"))}
    assert {"dflow", "dflow.engine"} <= used
    assert [name for name in used if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize("name", sorted(set(dflow.observers.__all__) - {"Event", "Observer"}))
def test_the_page_names_every_event_and_every_observer(name: str) -> None:
    made = getattr(dflow.observers, name)
    assert issubclass(made, (Event, Observer))
    assert re.search(rf"\| `{name}[`(]", PAGE)


def test_the_page_names_every_event_of_the_journal() -> None:
    text = (ROOT / "engine" / "commit.py").read_text(encoding="utf-8")
    constants = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Dict)]
    events = {
        value.value
        for found in constants
        for key, value in zip(found.keys, found.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "event" and isinstance(value, ast.Constant)
    }
    assert {"node", "loop", "note"} <= events
    assert [event for event in events if f"| `{event}` |" not in PAGE] == []


def test_the_package_adds_no_handler_and_shows_its_log_where_that_is_asked_for(tmp_path: Path) -> None:
    code = """
import logging
from dflow import config, Workflow
import dflow.engine.runner, dflow.executors, dflow.storage
names = [name for name in logging.root.manager.loggerDict if name.startswith("dflow")]
print([name for name in names if logging.getLogger(name).handlers])
logging.getLogger("dflow.engine").info("shown")
"""

    def errors_of(**variables: str) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip(), done.stderr

    assert errors_of() == ("[]", "")
    handlers, shown = errors_of(DFLOW_LOG="info")
    assert handlers == "['dflow']"
    assert re.fullmatch(r"\S+ \S+ INFO dflow\.engine: shown\n", shown)
    assert errors_of(DFLOW_LOG="warning")[1] == ""
    assert "DFLOW_LOG is 'loud', which is no level" in errors_of(DFLOW_LOG="loud")[1]
