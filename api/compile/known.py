"""Names that every template knows: those of the workflow (TG-12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dflow.engine.expressions.derived import derived
from dflow.engine.near import near

if TYPE_CHECKING:
    from collections.abc import Collection

    from dflow.compile.references import Name

__all__ = ["workflow_name_problem"]

_FIELDS = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "duration",
        "labels",
        "mainEntrypoint",
        "name",
        "namespace",
        "parameters",
        "serviceAccountName",
        "uid",
    }
)
_AT_THE_END = frozenset({"status", "failures", "outputs"})


def workflow_name_problem(name: Name, parameters: Collection[str], *, is_tag: bool, has_exit: bool) -> str | None:
    """What is wrong with a name that begins with ``workflow``; None when it will be known.

    Args:
        parameters: those of the workflow.
        is_tag: it stands in ``{{…}}``; some names exist in tags alone, and not in expressions.
        has_exit: the workflow has an exit handler, which knows how it ended.
    """
    path, field = ".".join(name), name[1] if len(name) > 1 else None
    if field is None or (has_exit and field in _AT_THE_END):
        return None
    if field not in _FIELDS:
        return f"{path} is not known{near(field, _FIELDS)}"
    if field == "parameters" and len(name) > 2 and name[2] != "json" and name[2] not in parameters:
        return f"{path} is not known: the workflow has no parameter {name[2]!r}{near(name[2], parameters)}"
    if field == "duration" or (field == "creationTimestamp" and len(name) > 2):
        return _problem_of_time(path, is_tag=is_tag or (has_exit and field == "duration"))
    return None


def _problem_of_time(path: str, *, is_tag: bool) -> str | None:
    """Times that follow from others are computed for tags alone."""
    if derived(path, {"workflow.creationTimestamp": "2000-01-01T00:00:00Z"}) is None:
        return f"{path} is not known: there are workflow.duration, and RFC3339, s, Y, m, d, H, M, S of the creation"
    return None if is_tag else f"{path} is not known: an expression does not have it; the tag {{{{{path}}}}} does"
