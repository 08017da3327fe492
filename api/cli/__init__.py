"""The command ``dflow``."""

from __future__ import annotations

from dflow.cli.main import main

__all__ = ["main"]
