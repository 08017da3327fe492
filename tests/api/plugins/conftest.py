"""A file system in memory in the place of one that needs a service, to see what it is given."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import dflow
import fsspec  # noqa: F401 - its registry is changed
import pytest
from fsspec.implementations.memory import MemoryFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a protocol be in memory."""

    def put(name: str) -> None:
        class InMemory(MemoryFileSystem):
            protocol = name
            cachable = False

            @classmethod
            def _strip_protocol(cls, path: str) -> str:
                return super()._strip_protocol(path.replace(f"{name}://", "memory://"))

        monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, name, InMemory)

    return put


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set ``s3_config`` for one test."""

    def put(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setitem(dflow.s3_config, name, value)

    return put
