"""Times and sizes in few characters."""

from __future__ import annotations

__all__ = ["length", "size_text"]

_SHORT = 9.95
_MINUTE = 60


def length(seconds: float | None) -> str:
    """A time: ``0.4 s``, ``12 s``, ``3m05s``, ``2h10m``, ``4d03h``."""
    if seconds is None:
        return ""
    if round(seconds) < _MINUTE:
        return f"{seconds:.1f} s" if seconds < _SHORT else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def size_text(size: float) -> str:
    """A number of bytes: ``12 B``, ``3.4 KB``, ``250 MB``."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
