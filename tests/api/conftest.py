"""Every test has settings of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from dflow import config, s3_config, upload_packages

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in [name for name in os.environ if name.startswith("DFLOW_")]:
        monkeypatch.delenv(variable)
    saved = dict(config), dict(s3_config), list(upload_packages)
    yield
    for target, values in zip((config, s3_config), saved, strict=False):
        target.clear()
        target.update(values)
    upload_packages[:] = saved[2]
