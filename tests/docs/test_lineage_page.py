"""The code blocks of docs/lineage.md run, one after the other, as parts of one script."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_what_lineage_md_shows_is_so(tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 3
    for name, text in (("lineage.py", f"{blocks[0]}\n{blocks[1]}"), ("own.py", blocks[2])):
        script = tmp_path / name
        script.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(script)],
            cwd=tmp_path,
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_what_a_client_has() -> None:
    from dflow import LineageClient

    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in LineageClient.__abstractmethods__ if f"`{name}(" not in page] == []
