"""Short references to outputs of other steps: ``{{train.loss}}`` for ``{{steps.train.outputs.parameters.loss}}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RESERVED", "has_tag", "written_out"]

RESERVED = frozenset({"inputs", "item", "lastRetry", "node", "outputs", "pod", "retries", "steps", "tasks", "workflow"})
"""Beginnings of tags that mean something else; no step can be called so."""

_SHORT = re.compile(r"\{\{\s*([A-Za-z0-9][A-Za-z0-9-]*)\.([A-Za-z0-9_-]+)\s*\}\}")


def has_tag(value: Any) -> bool:
    """Whether a value is a text with a tag."""
    return isinstance(value, str) and "{{" in value


def written_out(value: Any, outputs: Mapping[str, Mapping[str, str]], root: str) -> Any:
    """A value with short references in full, in lists and maps too.

    Args:
        outputs: of each step, the names of its outputs with ``parameters`` or ``artifacts``.
        root: ``steps`` or ``tasks``.

    Raises:
        KeyError: a step has no such output; its arguments are the step and the name.
    """
    if isinstance(value, str):
        return _SHORT.sub(lambda match: _in_full(match, outputs, root), value)
    if isinstance(value, list):
        return [written_out(item, outputs, root) for item in value]
    if isinstance(value, dict):
        return {name: written_out(item, outputs, root) for name, item in value.items()}
    return value


def _in_full(match: re.Match[str], outputs: Mapping[str, Mapping[str, str]], root: str) -> str:
    step, name = match[1], match[2]
    if step in RESERVED or step not in outputs:
        return match[0]
    if name not in outputs[step]:
        raise KeyError(step, name)
    return "{{" + f"{root}.{step}.outputs.{outputs[step][name]}.{name}" + "}}"
