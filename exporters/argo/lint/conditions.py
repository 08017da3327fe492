"""X-02: the condition of a step, a language in which bare words are texts."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.expressions import evaluate_when

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dflow.exporters.argo.lint.findings import Notes

__all__ = ["check"]

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_STAND_INS = ("word", "1", "true")
_TRIES = 250
_SAFE_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]*|-?\d+(\.\d+)?")
_SAFE_ENDS = (".status", ".exitCode", ".id")


def check(text: str, path: str, values: Mapping[str, Iterable[str]], notes: Notes) -> None:
    """A condition.

    Args:
        text: the condition.
        path: where it stands.
        values: the values that a tag may have, where they are written in the document.
        notes: takes the findings.
    """
    if not text.strip():
        return
    problem = _problem(text)
    if problem:
        notes.error("X-02", path, f"the condition {text[:80]!r} cannot be evaluated: {problem}; put texts in quotes")
        return
    for match in _TAG.finditer(text):
        if not _quoted(text, match.start()):
            _bare(match[1].strip(), values, path, notes)


def _problem(text: str) -> str:
    """Why no values of the tags make it true or false; empty when some do."""
    tags = list(dict.fromkeys(match[1] for match in _TAG.finditer(text)))
    first = ""
    for choice in itertools.islice(itertools.product(_STAND_INS, repeat=len(tags)), _TRIES):
        stand_ins = dict(zip(tags, choice, strict=True))
        try:
            evaluate_when(_TAG.sub(lambda match, chosen=stand_ins: chosen[match[1]], text))  # type: ignore[misc]
        except ExpressionError as exc:
            first = first or str(exc)
        else:
            return ""
    return first


def _quoted(text: str, position: int) -> bool:
    """Whether a place is between quotes, where tags that come before are no quotes themselves."""
    before = _TAG.sub("", text[:position])
    return (before.count("'") + before.count('"')) % 2 == 1


def _bare(name: str, values: Mapping[str, Iterable[str]], path: str, notes: Notes) -> None:
    if name.startswith("=") or name.endswith(_SAFE_ENDS):
        return
    if name not in values:
        notes.warn(
            "X-02", path, f"if {{{{{name}}}}} may be empty or hold more than letters and digits, put it in quotes"
        )
        return
    for value in values[name]:
        if not _SAFE_TEXT.fullmatch(value):
            notes.error("X-02", path, f"{{{{{name}}}}} can be {value[:40]!r}, which is no word; put the tag in quotes")
            return
