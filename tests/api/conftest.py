"""Every test has settings of its own."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, own_settings: None) -> None:
    for variable in [name for name in os.environ if name.startswith("DFLOW_")]:
        monkeypatch.delenv(variable)
