"""A file system in memory in the place of one that needs a service, to see what it is given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dflow
import fsspec  # noqa: F401 - its registry is changed
import pytest
from fsspec.implementations.memory import MemoryFileSystem

sys.path.insert(0, str(Path(__file__).parent))
from bohrium_service import ACCOUNT, BohriumService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[BohriumService]:
    """A server in the place of Bohrium, and an account of it."""
    from dflow.plugins import bohrium, bohrium_account

    monkeypatch.setattr(bohrium_account, "_WAITS", (0.01, 0.01, 0.01))
    with BohriumService() as server:
        account = {"username": ACCOUNT[0], "password": ACCOUNT[1], "project_id": "7"}
        empty = dict.fromkeys(("phone", "authorization", "ticket", "access_key", "app_key"))
        urls = dict.fromkeys(("bohrium_url", "tiefblue_url", "openapi_url"), server.url)
        for name, value in {**empty, **account, **urls}.items():
            monkeypatch.setitem(bohrium.config, name, value)
        yield server
