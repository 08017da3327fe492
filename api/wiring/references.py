"""Short references to outputs of other steps: ``{{train.loss}}`` for ``{{steps.train.outputs.parameters.loss}}``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dflow.engine.near import near, near_or_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["RESERVED", "References", "has_tag"]

RESERVED = frozenset({"inputs", "item", "lastRetry", "node", "outputs", "pod", "retries", "steps", "tasks", "workflow"})
"""Beginnings of tags that mean something else; no step can be called so."""

_TAG = re.compile(r"\{\{(?!=)\s*([^{}]*?)\s*\}\}")
_SHORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\.[A-Za-z0-9_-]+")


def has_tag(value: Any) -> bool:
    """Whether a value is a text with a tag."""
    return isinstance(value, str) and "{{" in value


class References:
    """What can be mentioned.

    Args:
        root: ``steps`` or ``tasks``.

    Attributes:
        outputs: of each step, the names of its outputs with ``parameters`` or ``artifacts``; None where they are not
            known, as the step is wrong itself.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.outputs: dict[str, Mapping[str, str] | None] = {}

    def written_out(self, value: Any, wrong: Callable[[str], None], kind: str, *, is_data: bool) -> Any:
        """A value with short references in full, in lists and maps too.

        Args:
            wrong: is told of each reference to what is not there.
            kind: ``parameters`` or ``artifacts``: what is wanted.
            is_data: braces in the midst of a text may be part of it; else each must be a reference.
        """

        def full(value: Any, *, is_all: bool) -> Any:
            if isinstance(value, list):
                return [full(item, is_all=False) for item in value]
            if isinstance(value, dict):
                return {name: full(item, is_all=False) for name, item in value.items()}
            if not has_tag(value):
                return value
            whole = _TAG.fullmatch(value.strip())
            strict = not is_data or (whole is not None and (is_all or _SHORT.fullmatch(whole[1]) is not None))
            return _TAG.sub(lambda match: self._full(match, wrong, kind, strict=strict), value)

        return full(value, is_all=True)

    def _full(self, match: re.Match[str], wrong: Callable[[str], None], kind: str, *, strict: bool) -> str:
        step, dot, name = match[1].partition(".")
        if step in RESERVED:
            return match[0]
        if step not in self.outputs or not dot:
            hint = near(step, self.outputs)
            if strict or (hint and dot):
                wrong(self._unknown(match[0], step, hint, is_name=bool(dot)))
            return match[0]
        known = self.outputs[step]
        if known is None:
            return match[0]
        one = self._root[:-1]
        if name not in known:
            wrong(f"{one} {step!r} has no output {name!r}{near_or_all(name, known)}")
        elif known[name] != kind:
            wrong(f"{name!r} of {one} {step!r} is {_A[known[name]]}; {_A[kind]} is wanted")
        else:
            return "{{" + f"{self._root}.{step}.outputs.{kind}.{name}" + "}}"
        return match[0]

    def _unknown(self, tag: str, step: str, hint: str, *, is_name: bool) -> str:
        one = self._root[:-1]
        if is_name and re.fullmatch(r"[A-Za-z0-9_-]+", step):
            return f"there is no {one} {step!r}{hint or near_or_all(step, self.outputs)}"
        return f"{tag} mentions nothing; an output of a {one} is mentioned as {{{{{one.upper()}.OUTPUT}}}}"


_A = {"parameters": "a parameter", "artifacts": "an artifact"}
