"""Runs of ten and a hundred thousand slices are for those who ask for them with ``-m scale``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "scale" in config.getoption("markexpr"):
        return
    marked = [item for item in items if item.get_closest_marker("scale")]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
