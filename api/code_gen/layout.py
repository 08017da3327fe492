"""Python expressions as text, broken into lines as ``ruff format`` breaks them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Called",
    "Listed",
    "Piece",
    "assign",
    "assign_attribute",
    "call",
    "flat",
    "literal",
    "quote",
    "render",
    "triple_quote",
]

WIDTH = 88
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Called:
    """``head(arguments)``; each argument is a text such as ``name=`` (or nothing) and a value."""

    head: str
    arguments: tuple[tuple[str, Piece], ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A list or a dict; each entry is a text such as ``"key": `` (or nothing) and a value."""

    brackets: str
    entries: tuple[tuple[str, Piece], ...]


Piece: TypeAlias = str | Called | Listed


def call(head: str, *positional: Piece, named: Iterable[tuple[str, Piece | None]] = ()) -> Called:
    """A call; named arguments that are None are left out."""
    given = [(f"{name}=", piece) for name, piece in named if piece is not None]
    return Called(head, (*(("", piece) for piece in positional), *given))


def literal(value: object) -> Piece:
    """A constant made of what JSON has."""
    match value:
        case str():
            return quote(value)
        case list() | tuple():
            return Listed("[]", tuple(("", literal(item)) for item in value))
        case dict():
            return Listed("{}", tuple((f"{flat(literal(key))}: ", literal(item)) for key, item in value.items()))
        case _:
            return repr(value)


def quote(text: str) -> str:
    """A string literal in the quotes that need fewer escapes, double ones where it is the same."""
    body = repr(f"'{text}\"")[1:-1]  # with both quotes in it, repr uses single ones and escapes those
    body = body[2:-1].replace("\\'", "'")
    if body.count('"') > body.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def triple_quote(text: str) -> str | None:
    """A string literal over several lines; None where one would be hard to read."""
    plain = all(c == "\n" or c.isprintable() for c in text)
    if "\n" not in text.rstrip("\n") or not plain or '"""' in text or text.endswith('"'):
        return None
    return '"""\\\n' + text.replace("\\", "\\\\") + '"""'


def flat(piece: Piece) -> str:
    """The expression on one line."""
    if isinstance(piece, str):
        return piece
    inner = ", ".join(prefix + flat(part) for prefix, part in _parts(piece))
    if isinstance(piece, Called):
        return f"{piece.head}({inner})"
    return piece.brackets[0] + inner + piece.brackets[1]


def render(piece: Piece, indent: str = "", before: str = "", after: str = "") -> str:
    """Lines with ``before`` in front of the expression and ``after`` behind it."""
    line = indent + before + flat(piece) + after
    if isinstance(piece, str) or _width(line) <= WIDTH or not _parts(piece):
        return line
    head, tail = (piece.head + "(", ")") if isinstance(piece, Called) else tuple(piece.brackets)
    deeper = indent + _INDENT
    if isinstance(piece, Called):  # all arguments on a line of their own, where that is enough
        inner = deeper + ", ".join(prefix + flat(part) for prefix, part in piece.arguments)
        if _width(inner) <= WIDTH:
            return f"{indent}{before}{head}\n{inner}\n{indent}{tail}{after}"
    lines = [render(part, deeper, prefix, ",") for prefix, part in _parts(piece)]
    return "\n".join([indent + before + head, *lines, indent + tail + after])


def assign_attribute(owner: str, attribute: str, value: Piece, variable: Callable[[str], str]) -> str:
    """``owner.attribute = value``; with a variable for the owner where the line would be too long.

    Args:
        variable: gives a name that is free.
    """
    if _width(f"{owner}.{attribute} = {flat(value)}") <= WIDTH or not owner.endswith("]"):
        return assign(f"{owner}.{attribute}", value)
    short = variable(" ".join(re.findall(r"\w+", owner)[::3]))
    return f"{assign(short, owner)}\n{assign(f'{short}.{attribute}', value)}"


def assign(target: str, value: Piece) -> str:
    """``target = value``."""
    line = f"{target} = {flat(value)}"
    if isinstance(value, str) and _width(line) > WIDTH >= _width(_INDENT + value):
        return f"{target} = (\n{_INDENT}{value}\n)"
    return render(value, before=f"{target} = ")


def _parts(piece: Called | Listed) -> tuple[tuple[str, Piece], ...]:
    return piece.arguments if isinstance(piece, Called) else piece.entries


def _width(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text if c > "\u1000")
