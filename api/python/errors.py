"""What an OP raises to say how bad a failure is."""

from __future__ import annotations

__all__ = ["FatalError", "TransientError"]


class TransientError(Exception):
    """It may work when it is tried again."""


class FatalError(Exception):
    """Trying again is pointless."""
