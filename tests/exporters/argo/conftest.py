"""Running manifests, each beside its workflow, is for those who ask for it with ``-m roundtrip``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "roundtrip" in config.getoption("markexpr"):
        return
    marked = [item for item in items if item.get_closest_marker("roundtrip")]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
