"""Patterns in the syntax of Go (RE2), for the ``re`` module."""

from __future__ import annotations

import functools
import re
import warnings

from dflow.engine.errors import ExpressionError

__all__ = ["compiled"]

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_LETTERS = {"L": r"[^\W\d_]", "Lu": "[A-ZÀ-ÖØ-Þ]", "Ll": "[a-zß-öø-ÿ]", "N": r"\d", "Nd": r"\d"}
_PIECE = re.compile(
    r"""
      (?P<octal>\\0[0-7]{0,2}) | \\(?P<z>z) | \\Q(?P<quoted>.*?)(?:\\E|\Z)
    | \\x\{(?P<code>[0-9A-Fa-f]{1,6})\}
    | \\p(?:\{(?P<property>\w+)\}|(?P<short>[A-Z]))
    | \[:(?P<class>\w+):\]
    | \\(?P<bad>[1-9CGgHhIiJjKkLlMmNnOoRrTtUuVvXXYyZ])
    | \(\?(?P<name><)(?=[A-Za-z_])
    | \(\?(?P<look><?[=!]|\#|\(|>) | (?P<possessive>[*+?]\+)
    | (?P<escape>\\.) | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_KNOWN = frozenset("nrtv")
_NESTED = re.compile(r"\((?:[^()\\]|\\.)*(?:[*+]|\{\d+,\})(?:[^()\\]|\\.)*\)(?:[*+]|\{\d+,\})")
"""A repeated group with a repetition inside: Python's matcher needs exponential time for some of these."""


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """The compiled form of a Go pattern.

    Raises:
        ExpressionError: the pattern is wrong, or uses what Go does not have.
    """
    text = _PIECE.sub(lambda match: _piece(match, pattern), pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ready = _ends(_groups(text))
            if _NESTED.search(ready):
                raise ExpressionError(
                    f"the pattern {pattern!r} repeats a group that repeats, which can take for ever; write it without",
                    source=pattern,
                )
            return re.compile(ready, re.ASCII)
    except (re.error, RecursionError, OverflowError, ValueError) as exc:
        raise ExpressionError(f"the pattern {pattern!r} is wrong: {exc}") from exc


def _groups(text: str) -> str:
    """Flags in the middle of a pattern hold up to the end of it."""
    match = re.match(r"\(\?([ims]+)\)", text)
    return f"(?{match[1]}:{text[match.end() :]})" if match else text


def _ends(text: str) -> str:
    """``$`` is the end of the text, not the place before a last line break."""
    if "(?m" in text or "(?im" in text or "(?sm" in text:
        return text
    parts = re.split(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])", text, flags=re.DOTALL)
    return "".join(part if index % 2 else part.replace("$", r"\Z") for index, part in enumerate(parts))


def _piece(match: re.Match[str], pattern: str) -> str:  # noqa: C901, PLR0911 - one for each kind of piece
    kind, text = str(match.lastgroup), match.group()
    match kind:
        case "z":
            return r"\Z"
        case "name":
            return "(?P<"
        case "quoted":
            return re.escape(match["quoted"])
        case "code":
            return re.escape(chr(min(int(match["code"], 16), 0x10FFFF)))
        case "octal":
            return re.escape(chr(int(text[1:], 8)))
        case "class":
            return _posix(match["class"], pattern)
        case "property" | "short":
            letter = _LETTERS.get(match["property"] or match["short"])
            if letter is None:
                raise ExpressionError(f"the class {text} of the pattern {pattern!r} is not supported")
            return letter
        case "bad" if text[1] not in _KNOWN:
            raise ExpressionError(f"the pattern {pattern!r} is wrong: invalid escape {text}")
        case "look" | "possessive":
            raise ExpressionError(f"the pattern {pattern!r} is wrong: {text} is not known")
        case _:
            return text


def _posix(name: str, pattern: str) -> str:
    if name not in _CLASSES:
        raise ExpressionError(f"the pattern {pattern!r} is wrong: invalid class [:{name}:]")
    return _CLASSES[name]
