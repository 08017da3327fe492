"""Passwords that a script gives: kept in this process and in those that go on for it, and never on a disk."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VARIABLE", "find", "keep", "pass_on", "take_over"]

VARIABLE = "DFLOW_KEPT_SECRETS"
_kept: dict[str, dict[str, str]] = {}


def keep(name: str, values: Mapping[str, str]) -> None:
    """Remember secrets.

    Args:
        name: what they are for, such as ``user@host:22``.
        values: such as ``{"password": …}``.
    """
    _kept.setdefault(name, {}).update(values)


def find(name: str) -> dict[str, str]:
    """The secrets that are known for a name."""
    return dict(_kept.get(name, {}))


def pass_on() -> dict[str, str]:
    """Environment variables that give all of them to a process which calls :func:`take_over`."""
    return {VARIABLE: json.dumps(_kept)} if _kept else {}


def take_over() -> None:
    """Take the secrets that the process before this one has passed on; nothing started from here sees them."""
    text = os.environ.pop(VARIABLE, "")
    if text:
        for name, values in json.loads(text).items():
            keep(name, values)
