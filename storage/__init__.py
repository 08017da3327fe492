"""Object stores: where artifacts are when they are not on this machine."""

from __future__ import annotations

from dflow.storage.client import StorageClient

__all__ = ["StorageClient"]
