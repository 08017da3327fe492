"""Texts with tags: ``{{name}}`` and ``{{=expression}}``."""

from __future__ import annotations

import functools
import json
from dataclasses import field
from typing import TYPE_CHECKING

from dflow.engine.errors import ExpressionError
from dflow.engine.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dflow.engine.expressions.filling import Filler
    from dflow.engine.expressions.nodes import Node

__all__ = ["ExprTag", "Tag", "TextTemplate", "parse_text", "substitute"]


@record(frozen=True, slots=True)
class Tag:
    """A tag that names a value.

    Attributes:
        name: what stands between the braces, without blanks around it.
        position: where the tag starts in the text.
        source: what stands between the braces as written.
    """

    name: str
    position: int
    source: str = ""

    @property
    def inner(self) -> str:
        """The name to look up first when tags are nested: ``b`` of ``{{a.{{b}}}}``."""
        return self.name.rpartition("{{")[2]


@record(frozen=True, slots=True)
class ExprTag:
    """A tag with an expression.

    Attributes:
        node: its tree; None when it is no expression.
        source: its text.
        position: where the tag starts in the text.
        error: why it is no expression.
    """

    node: Node | None
    source: str
    position: int
    error: ExpressionError | None = field(default=None, compare=False, repr=False)


@record(frozen=True, slots=True)
class TextTemplate:
    """A text cut at its tags.

    Attributes:
        parts: plain texts and tags, in order.
    """

    parts: tuple[str | Tag | ExprTag, ...]

    def names(self) -> frozenset[tuple[str, ...]]:
        """The paths of all variables that the tags mention."""
        from dflow.engine.expressions.mentions import names  # noqa: PLC0415 - texts with simple tags need no parser

        found: set[tuple[str, ...]] = set()
        for part in self.parts:
            match part:
                case Tag():
                    found.add(tuple(part.inner.split(".")))
                case ExprTag(node) if node is not None:
                    found |= names(node)
        return frozenset(found)


@functools.lru_cache(maxsize=2048)
def parse_text(text: str) -> TextTemplate:
    """The parts of a text. The first ``}}`` after ``{{`` ends a tag.

    Raises:
        ExpressionError: a tag that is not closed.
    """
    parts: list[str | Tag | ExprTag] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            raise ExpressionError("this {{ has no }}", source=text, position=start)
        if start > position:
            parts.append(text[position:start])
        body = text[start + 2 : end]
        parts.append(_expression(body[1:], start) if body.startswith("=") else Tag(body.strip(), start, body))
        position = end + 2
    if position < len(text):
        parts.append(text[position:])
    return TextTemplate(tuple(parts))


def _expression(source: str, position: int) -> ExprTag:
    from dflow.engine.expressions.parser import parse  # noqa: PLC0415 - texts with simple tags need no parser

    try:
        return ExprTag(parse(source), source, position)
    except ExpressionError as exc:
        return ExprTag(None, source, position, exc)
    except RecursionError:
        return ExprTag(None, source, position, ExpressionError("the expression is nested too deeply", source=source))


def substitute(
    text: str | TextTemplate,
    scope: Mapping[str, str | None],
    *,
    strict: Collection[str] | None = None,
    complete: bool = False,
    escape_json: bool = False,
) -> str:
    """``text`` with the values of its tags, in one pass: tags in values are not looked at.

    Args:
        text: plain, or already cut at its tags.
        scope: dotted names and their values; None for the output of a step that was skipped.
        strict: first words of names that must be known; tags with other unknown names stay as they are. When it is
            given, an expression that is wrong is an error as well.
        complete: all tags must be replaced.
        escape_json: write values so that they may stand inside of a JSON string.

    Raises:
        ExpressionError: a tag that is not closed or must be replaced and cannot.
    """
    if isinstance(text, str):
        if "{{" not in text:
            return text
        text = parse_text(text)
    filler: Filler | None = None
    pieces: list[str] = []
    for part in text.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = scope.get(part.name) if isinstance(part, Tag) else None
        if isinstance(value, str):
            pieces.append(json.dumps(value, ensure_ascii=False)[1:-1] if escape_json else value)
            continue
        if filler is None:
            from dflow.engine.expressions.filling import Filler  # noqa: PLC0415 - texts with simple tags need none

            filler = Filler(scope, strict, complete=complete, escape_json=escape_json)
        pieces.append(filler.fill(part))
    return "".join(pieces)
