"""docs/semantics.md has a line for each fact of Argo that the code speaks of, and names modules that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (?P<id>[A-Z]{2}-\d\d) \| (?P<fact>[^|]+) \| (?P<here>[^|]+) \|$", re.MULTILINE)
MARKS = ("followed", "differs", "later", "the second followed")
PREFIXES = ("PH", "ND", "TG", "WH", "ST", "DG", "OU", "TM")
CODE = ("api", "engine", "executors", "exporters", "storage")


def test_each_fact_has_one_line_with_a_mark() -> None:
    lines = ROW.findall(PAGE)
    ids = [line[0] for line in lines]
    assert len(ids) == len(set(ids)) == len(re.findall(r"^\| [A-Z]{2}-\d\d ", PAGE, re.MULTILINE))
    assert {name.partition("-")[0] for name in ids} >= set(PREFIXES)
    assert [line[0] for line in lines if not line[2].startswith(MARKS)] == []


def test_every_fact_that_the_code_cites_has_a_line() -> None:
    known = {match["id"] for match in ROW.finditer(PAGE)}
    pattern = re.compile(rf"\b(?:{'|'.join(PREFIXES)})-\d\d\b")
    files = [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]
    cited = {fact for file in files for fact in pattern.findall(file.read_text(encoding="utf-8"))}
    assert cited
    assert sorted(cited - known) == []


def test_modules_that_the_page_names_exist() -> None:
    named = set(re.findall(rf"`((?:{'|'.join(CODE)})/[\w/.]+)`", PAGE))
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []
