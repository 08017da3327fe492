"""The three functions that draw; ``diagram_kit`` is a module that the tests import by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dflow.exporters import diagram

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "parity"))


@pytest.fixture(params=["mermaid", "dot", "svg"])
def draw(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Each of the three functions."""
    function: Callable[..., str] = getattr(diagram, request.param)
    return function
