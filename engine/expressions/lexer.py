"""Texts of the expression language, cut into tokens."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from dflow.engine.errors import ExpressionError

__all__ = ["KEYWORDS", "Token", "numeral", "tokenize", "unquote"]

KEYWORDS = frozenset({"and", "contains", "else", "endsWith", "if", "in", "let", "matches", "not", "or", "startsWith"})
"""Words that are operators, and no names."""

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    | (?P<number>(?:0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|[0-9][0-9_]*)(?:\.(?!\.)[0-9_]*)?(?:[eE][+-]?[0-9_]*)?
        |\.[0-9][0-9_]*(?:[eE][+-]?[0-9_]*)?)
    | (?P<name>[^\W\d][\w$]*|\$[\w$]*)
    | (?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`]|``)*`)
    | (?P<operator>\?\.|\?\?|\|\||&&|==|!=|<=|>=|\*\*|\.\.|::|[-+*/%^<>!?:;,.|=\#])
    | (?P<bracket>[()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[\w$]")
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|u\{[0-9a-fA-F]{1,6}\}|[0-7]{3}|.)", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


class Token(NamedTuple):
    """A word of an expression: ``kind`` is number, name, string, operator, bracket or end."""

    kind: str
    text: str
    position: int


def tokenize(source: str) -> list[Token]:
    """The tokens of ``source``, closed by one of kind ``end``.

    Raises:
        ExpressionError: a character that starts no token, or a text that is not closed.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise ExpressionError(_complaint(source[position]), source=source, position=position)
        kind, text = str(match.lastgroup), match.group()
        end = match.end()
        if kind == "number" and _WORD.match(source, end):
            raise ExpressionError(f"{text + source[end]!r} is no number", source=source, position=position)
        if kind == "name" and text in KEYWORDS:
            kind = "operator"
        if kind != "blank":
            tokens.append(Token(kind, text, position))
        position = end
    tokens.append(Token("end", "", len(source)))
    return tokens


def _complaint(character: str) -> str:
    if character in "'\"`":
        return f"the text that begins with {character} is not closed"
    return f"unexpected character {character!r}"


def unquote(token: Token, source: str) -> str:
    """The text that a string token stands for.

    Raises:
        ExpressionError: an escape that the language does not know.
    """
    quote, body = token.text[0], token.text[1:-1]
    if quote == "`":
        return body.replace("``", "`")
    if "\\" not in body:
        return body

    def plain(match: re.Match[str]) -> str:
        escape = match.group()[1:]
        if escape == quote:
            return quote
        if len(escape) == 1 and escape in _SIMPLE:
            return _SIMPLE[escape]
        code = _code_point(escape)
        if code is None:
            place = token.position + 1 + match.start()
            raise ExpressionError(f"unknown escape \\{escape}", source=source, position=place)
        return chr(code)

    return _ESCAPE.sub(plain, body)


def _code_point(escape: str) -> int | None:
    if len(escape) == 3 and escape.isdigit():
        code = int(escape, 8)
        return code if code < 256 else None
    if len(escape) > 2 and escape[0] in "xuU":
        code = int(escape[1:].strip("{}"), 16)
        return code if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None
    return None


def numeral(token: Token, source: str) -> int | float:
    """The number that a token stands for.

    Raises:
        ExpressionError: it stands for none, or for one that is too large.
    """
    text = token.text.replace("_", "")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(text[:2].lower(), 10)
    try:
        value = float(text) if base == 10 and not text.isdigit() else int(text[:400], base)
    except ValueError as exc:
        raise ExpressionError(f"{token.text!r} is no number", source=source, position=token.position) from exc
    if value > 0x7FFFFFFFFFFFFFFF if isinstance(value, int) else math.isinf(value):
        raise ExpressionError(f"{token.text} is too large", source=source, position=token.position)
    return value
