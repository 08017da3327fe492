"""The style sheet of SVG drawings. All of it is inside of ``svg.dflow-graph``, so it can stand in a page."""

from __future__ import annotations

from dflow.exporters.diagram.colours import PHASE_COLOURS

__all__ = ["STYLE"]

_S = ".dflow-graph"
_LIGHT = f"""
{_S}{{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;background:#ffffff}}
{_S} text{{font-size:11px;fill:#57606a}}
{_S} .title{{font-size:12px;font-weight:600;fill:#1f2328}}
{_S} .on-edge{{font-size:10px;stroke:#ffffff;stroke-width:3px;paint-order:stroke}}
{_S} rect,{_S} polygon{{fill:#ffffff;stroke:#8c959f}}
{_S} .cluster>rect{{fill:#57606a;fill-opacity:.05;stroke:#d0d7de}}
{_S} .folded>rect{{fill:#f6f8fa}}
{_S} .again>rect,{_S} .hook>rect,{_S} .exit>rect{{stroke-dasharray:4 3}}
{_S} .edge{{fill:none;stroke:#8c959f;stroke-width:1.2}}
{_S} .aside{{stroke-dasharray:4 3}}
{_S} .point{{fill:#8c959f}}
"""
_DARK = f"""
{_S}{{background:#0d1117}}
{_S} text{{fill:#9198a1}}
{_S} .title{{fill:#f0f6fc}}
{_S} .on-edge{{stroke:#0d1117}}
{_S} rect,{_S} polygon{{fill:#161b22;stroke:#6e7681}}
{_S} .cluster>rect{{fill:#9198a1;stroke:#3d444d}}
{_S} .folded>rect{{fill:#21262d}}
{_S} .edge{{stroke:#6e7681}}
{_S} .point{{fill:#6e7681}}
"""


def _phases(*, dark: bool) -> str:
    rules = []
    for phase, colours in PHASE_COLOURS.items():
        fill, line = (colours.dark_fill, colours.dark_line) if dark else (colours.fill, colours.line)
        name = phase.value
        rules.append(f"{_S} .{name}>rect,{_S} .{name}>polygon{{fill:{fill};stroke:{line}}}")
        rules.append(f"{_S} .cluster.{name}>rect{{fill-opacity:.25;stroke:{line}}}")
    return "\n".join(rules)


STYLE = f"{_LIGHT}{_phases(dark=False)}\n@media (prefers-color-scheme:dark){{{_DARK}{_phases(dark=True)}\n}}\n"
