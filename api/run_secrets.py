"""The values of secrets that scripts give for the programs of their runs: kept in memory alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dflow.engine.layout import RunLayout

__all__ = ["keep_secrets", "known_secrets"]

_KEPT = "dflow.executors.secrets"


def keep_secrets(layout: RunLayout, values: Mapping[str, str]) -> None:
    """Remember the values for a run, in this process and in one that it starts to run it in the background."""
    if values:
        from dflow.executors.secrets import keep

        keep(_name(layout), values)


def known_secrets(layout: RunLayout) -> dict[str, str]:
    """What is remembered for a run; nothing in a process that was not told."""
    kept = sys.modules.get(_KEPT)  # else nothing was kept
    found: dict[str, str] = kept.find(_name(layout)) if kept is not None else {}
    return found


def _name(layout: RunLayout) -> str:
    return f"run {layout.root}"
