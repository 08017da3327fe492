"""What notebooks show of workflows, templates and steps; the work is in :mod:`dflow.drawing`."""

from __future__ import annotations

from typing import Any, Dict

__all__ = ["Described", "Drawn"]


class Drawn:
    """It shows itself in a notebook as a picture, or, when that cannot be made, says why."""

    _repr_html_: Any = None
    """Of a template that is drawn: notebooks would take it in place of the picture."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Dict[str, str]:
        from dflow.drawing import bundle_of

        return bundle_of(self)

    def _repr_svg_(self) -> str | None:
        from dflow.drawing import bundle_of

        return bundle_of(self).get("image/svg+xml")


class Described:
    """It shows itself in a notebook as a small table."""

    def _repr_html_(self) -> str | None:
        from dflow.drawing import table_of

        return table_of(self)
