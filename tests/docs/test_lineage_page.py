"""docs/lineage.md names what there is; its blocks are run by test_blocks.py."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "lineage.md"


def test_the_page_names_what_a_client_has() -> None:
    from dflow import LineageClient

    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in LineageClient.__abstractmethods__ if f"`{name}(" not in page] == []
