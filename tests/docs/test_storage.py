"""What docs/storage.md shows of object stores and of their checks is so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from test_pages import DOCS


def test_the_page_names_every_kind_of_check() -> None:
    from dflow.testing.storage import CHECKS

    page = (DOCS / "storage.md").read_text(encoding="utf-8")
    patterns = [name.replace("…", ".*") for name in re.findall(r"`([a-z0-9…_]+)`", page.partition("| promise |")[2])]
    assert [name for name in CHECKS if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []


def test_the_clients_of_the_page_exist_with_their_extras() -> None:
    from dflow.common import import_func

    page = (DOCS / "storage.md").read_text(encoding="utf-8")
    for path in re.findall(r"`(dflow\.[a-z.]+\d?\.[A-Z]\w+)`", page):
        assert isinstance(import_func(path), type), path
    pyproject = (DOCS.parent / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"pydflow\[(\w+)\]", page):
        assert re.search(rf"^{extra} = \[", pyproject, re.MULTILINE), extra
