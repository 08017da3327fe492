"""Drawings of a workflow graph as text: Mermaid, Graphviz and SVG.

Each function takes ``phases``, the phases of the nodes of a run by their display names, and colours what it draws.
The same graph gives the same text.
"""

from __future__ import annotations

from dflow.exporters.diagram.as_dot import dot
from dflow.exporters.diagram.as_mermaid import mermaid
from dflow.exporters.diagram.as_svg import svg
from dflow.exporters.diagram.words import is_worse

__all__ = ["dot", "is_worse", "mermaid", "svg"]
