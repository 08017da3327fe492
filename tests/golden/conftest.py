"""Golden texts: what a user sees, word for word, with what differs from run to run made equal.

``DFLOW_UPDATE_GOLDEN=1 pytest tests/golden`` writes the texts anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS = Path(__file__).parent / "texts"
ID = r"\b(?P<name>wf|other)-[a-z0-9]{5}\b"


def normalised(text: str, folder: Path) -> str:
    """The text without ids, hashes, places and times."""
    library = Path(__import__("dflow").__file__).parent
    for place, word in ((str(folder), "HERE"), (sys.executable, "PYTHON"), (str(library), "DFLOW")):
        text = text.replace(place, word)
    text = text.replace("re.PatternError", "re.error")  # Python 3.13
    text = re.sub(ID, r"\g<name>-ID", text)
    text = re.sub(r"((?:wf|other)-ID-[A-Za-z][\w-]*?)-[a-z0-9]{5}(?=[/'\s)])", r"\1-HASH", text)
    text = re.sub(r"\bwf-ID-\d{5,}", "wf-ID-NUMBER", text)
    text = re.sub(r"(urllib3\.exceptions\.\w+): .*", r"\1: …", text)
    text = re.sub(r"\bsame-[a-z0-9]{5}\b", "same-HASH", text)
    text = re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"script: (?:line )?\d+: (\S+): (?:command )?not found", r"script: \1: not found", text)
    text = re.sub(r'(File "DFLOW/tracebacks.py"), line \d+', r"\1, line N", text)
    text = re.sub(r"<ipython-input-[^>]*>|/\S*/ipykernel_\d+/\d+\.py", "CELL", text)
    return "\n".join(line.rstrip() for line in text.splitlines() if not re.fullmatch(r"[\s~^]+", line) or not line)


@pytest.fixture
def golden(tmp_path: Path) -> Callable[[str, str], None]:
    """Compare a text with ``texts/NAME.txt``."""

    def compare(name: str, text: str) -> None:
        file = TEXTS / f"{name}.txt"
        got = normalised(text, tmp_path).strip() + "\n"
        if os.environ.get("DFLOW_UPDATE_GOLDEN") == "1":
            file.write_text(got)
        assert file.is_file(), f"there is no golden text {name}; set DFLOW_UPDATE_GOLDEN=1 to write it"
        assert got == file.read_text()

    return compare


@pytest.fixture
def seen(tmp_path: Path, golden: Callable[[str, str], None]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script and compare what its user sees with a golden text."""

    def run(
        name: str, script: str, *, command: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "script.py").write_text(textwrap.dedent(script))
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DFLOW_")}
        done = subprocess.run(
            [sys.executable, *command, "script.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**clean, **(env or {})},
        )
        golden(name, f"{done.stdout}--- stderr\n{done.stderr}--- exit status {done.returncode}\n")
        return done

    return run
