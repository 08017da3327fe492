"""From one key to another one on the server itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.storage.s3.upload import part_size_for

if TYPE_CHECKING:
    from dflow.storage.s3.calls import Calls

__all__ = ["LARGEST", "copy"]

LARGEST = 5 << 30
"""Bytes that the protocol copies in one request."""
_PART = 512 << 20


def copy(calls: Calls, src: str, dst: str, *, largest: int = LARGEST, part_size: int = _PART) -> None:
    """Store an object under another key too; in parts where it has more than ``largest`` bytes."""
    stat = calls.stat(src)
    if src == dst:
        return
    if stat.size <= largest:
        calls.copy(src, dst)
    else:
        calls.compose(src, dst, stat, max(part_size, part_size_for(stat.size)))
