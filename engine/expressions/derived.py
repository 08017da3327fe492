"""Names whose values follow from others, so that nobody computes them until somebody asks (TG-11, TG-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["derived"]

_CREATED = "workflow.creationTimestamp"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def derived(name: str, scope: Mapping[str, object]) -> str | None:
    """The text of a name that is not in ``scope``; None when it is none of these."""
    if name == "inputs.parameters":
        return _listed("inputs.parameters.", scope)
    if not name.startswith("workflow."):
        return None
    if name in ("workflow.labels", "workflow.labels.json", "workflow.annotations", "workflow.annotations.json"):
        return _mapped(f"{name.removesuffix('.json')}.", scope)
    created = scope.get(_CREATED)
    return _timed(name, created) if isinstance(created, str) else None


def _listed(prefix: str, scope: Mapping[str, object]) -> str:
    """Parameters as a JSON list of names and values, as a template declares them."""
    from dflow.engine.expressions.gotext import marshal  # noqa: PLC0415 - few texts need it

    found = [(name[len(prefix) :], scope[name]) for name in scope if name.startswith(prefix)]
    return marshal([{"name": name, "value": value} for name, value in found if "." not in name])


def _mapped(prefix: str, scope: Mapping[str, object]) -> str:
    from dflow.engine.expressions.gotext import marshal  # noqa: PLC0415 - few texts need it

    return marshal({name[len(prefix) :]: scope[name] for name in scope if name.startswith(prefix)})


def _timed(name: str, created: str) -> str | None:
    """``workflow.duration`` so far, and the parts of ``workflow.creationTimestamp``."""
    import calendar  # noqa: PLC0415 - few texts need it
    import time  # noqa: PLC0415

    began = calendar.timegm(time.strptime(created, _TIME))
    if name == "workflow.duration":
        return f"{max(time.time() - began, 0.0):f}"
    what = name.removeprefix(f"{_CREATED}.")
    if what == "RFC3339":
        return created
    if what == "s":
        return str(began)
    if len(what) == 1 and what.isalpha():
        text = time.strftime(f"%{what}", time.gmtime(began))
        return None if text == f"%{what}" else text
    return None
