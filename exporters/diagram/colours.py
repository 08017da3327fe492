"""The colours of phases, for light and for dark pages."""

from __future__ import annotations

from typing import NamedTuple

from dflow.engine.phase import Phase

__all__ = ["PHASE_COLOURS", "Colours"]


class Colours(NamedTuple):
    """Of a box on a light page; and on a dark one, where ``text`` is that of other boxes."""

    fill: str
    line: str
    text: str
    dark_fill: str
    dark_line: str


PHASE_COLOURS = {
    Phase.PENDING: Colours("#f6f8fa", "#8c959f", "#1f2328", "#21262d", "#6e7681"),
    Phase.RUNNING: Colours("#ddf4ff", "#0969da", "#1f2328", "#0c2d6b", "#58a6ff"),
    Phase.SUCCEEDED: Colours("#dafbe1", "#1a7f37", "#1f2328", "#0f3d20", "#3fb950"),
    Phase.SKIPPED: Colours("#eaeef2", "#8c959f", "#424a53", "#161b22", "#6e7681"),
    Phase.OMITTED: Colours("#eaeef2", "#8c959f", "#424a53", "#161b22", "#6e7681"),
    Phase.FAILED: Colours("#ffebe9", "#cf222e", "#1f2328", "#5c1217", "#f85149"),
    Phase.ERROR: Colours("#fff1e5", "#bc4c00", "#1f2328", "#5a2a05", "#f0883e"),
    Phase.TERMINATED: Colours("#ffebe9", "#82071e", "#1f2328", "#490202", "#da3633"),
}
