"""A run in a notebook: HTML without widgets or scripts that is replaced as the run goes on."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING, Any

from dflow.terminal.texts import plain_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dflow.terminal.texts import Line

__all__ = ["NotebookCell", "is_notebook"]

_STYLES = {
    "dim": "opacity:.6",
    "bold": "font-weight:bold",
    "red": "color:#c62828",
    "green": "color:#2e7d32",
    "yellow": "color:#b26a00",
    "cyan": "color:#00838f",
}
_BLOCK = "font-family:monospace;white-space:pre;line-height:1.35;overflow-x:auto;padding:2px 0"


def is_notebook() -> bool:
    """Whether this process is the kernel of a notebook; IPython is not loaded to find out."""
    found = sys.modules.get("IPython")
    shell = found.get_ipython() if found is not None and hasattr(found, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


class NotebookCell:
    """One output of the cell that submits."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines instead of those before."""
        from IPython.display import display

        data = {"text/html": as_html(lines), "text/plain": "\n".join(plain_text(line) for line in lines)}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)


def as_html(lines: Sequence[Line]) -> str:
    """The lines, with what they say as text alone."""
    shown = []
    for line in lines:
        parts = []
        for part in line:
            text = html.escape(part.text)
            parts.append(f'<span style="{_STYLES[part.style]}">{text}</span>' if part.style else text)
        shown.append("".join(parts))
    return f'<div style="{_BLOCK}">' + "\n".join(shown) + "</div>"
